//! The header: a JSON object in which no key may occur twice, parsed one tensor at a time.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::dtype;

/// The header, understood as far as it could be.
#[derive(Default)]
pub(super) struct Header {
    /// Tensors in the order of the header.
    pub(super) tensors: Vec<Tensor>,
    /// What is wrong with entries.
    pub(super) faults: Vec<HeaderFault>,
    /// How many faults there are, kept or not.
    count: usize,
}

/// A tensor whose entry can be understood.
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dtype: &'static str,
    pub(super) elements: u64,
    pub(super) shape: Vec<u64>,
    /// Where its bytes begin and end, counted from the end of the header.
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// A rule that an entry breaks.
pub(super) struct HeaderFault {
    /// To follow "20 more tensors".
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// The tensor, if its shape makes whoever multiplies without a look at the carry allocate too little.
    pub(super) wraps: Option<String>,
}

/// How many faults are kept.
const MOST_FAULTS: usize = 10_000;
/// How much of a list or object is kept: no tensor has more dimensions, no entry more keys.
const MOST_ITEMS: usize = 256;
/// How much of a name is shown.
const SHOWN_NAME: usize = 200;

/// Parses the text of a header.
///
/// # Errors
/// When the text is no JSON object; what is wrong with single entries is in the result.
pub(super) fn parse(text: &[u8]) -> Result<Header, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut header = deserializer.deserialize_map(HeaderVisitor)?;
    // The header may be padded with white space, and with nothing else.
    deserializer.end()?;
    header.find_duplicates();
    Ok(header)
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut metadata = 0u32;
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<Json>()?;
            if name == "__metadata__" {
                metadata = metadata.saturating_add(1);
                header.metadata(&value, metadata > 1);
            } else {
                header.tensor(name, value);
            }
        }
        Ok(header)
    }
}

impl Header {
    fn fault(&mut self, kind: &'static str, text: String) {
        self.keep(HeaderFault { kind, text, wraps: None });
    }

    fn keep(&mut self, fault: HeaderFault) {
        self.count = self.count.saturating_add(1);
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    fn metadata(&mut self, value: &Json, again: bool) {
        let kind = "are wrong";
        if again {
            self.fault(kind, "`__metadata__` stands in the header twice".to_owned());
        }
        let Json::Object(items, _) = value else {
            return self.fault(kind, "`__metadata__` is not an object".to_owned());
        };
        for (key, value) in items {
            if !matches!(value, Json::Text(_)) {
                self.fault(kind, format!("`{}` in `__metadata__` is not a string", shown(key)));
            }
        }
        let mut keys: Vec<&String> = items.iter().map(|(key, _)| key).collect();
        keys.sort();
        let twice = keys.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(shown(one)),
            _ => None,
        });
        if let Some(key) = twice {
            self.fault(kind, format!("`{key}` stands in `__metadata__` twice"));
        }
    }

    fn tensor(&mut self, name: String, value: Json) {
        match tensor(name, value) {
            Ok((tensor, None)) => self.tensors.push(tensor),
            Ok((tensor, Some(fault))) => {
                self.keep(fault);
                self.tensors.push(tensor);
            }
            Err(fault) => self.keep(fault),
        }
    }

    fn find_duplicates(&mut self) {
        let mut names: Vec<&str> = self.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        let twice: Vec<String> = names
            .windows(2)
            .filter_map(|pair| match pair {
                [one, other] if one == other => Some(shown(one)),
                _ => None,
            })
            .take(MOST_FAULTS)
            .collect();
        for name in twice {
            self.fault("stand in the header twice", format!("tensor `{name}` stands in the header twice"));
        }
    }
}

/// Understands one entry: the tensor with what is wrong but does not hinder, or only what is wrong.
fn tensor(name: String, value: Json) -> Result<(Tensor, Option<HeaderFault>), HeaderFault> {
    let shown_name = shown(&name);
    let fault = |kind: &'static str, text: &str| HeaderFault {
        kind,
        text: format!("tensor `{shown_name}` {text}"),
        wraps: None,
    };
    let Json::Object(items, more) = value else {
        return Err(fault("are no objects", "is not an object"));
    };
    let mut parts = [None, None, None];
    let mut odd = (more > 0).then(|| fault("have unknown keys", "has a key that the format does not know"));
    for (key, value) in items {
        let slot = match key.as_str() {
            "dtype" => parts.get_mut(0),
            "shape" => parts.get_mut(1),
            "data_offsets" => parts.get_mut(2),
            _ => None,
        };
        match slot {
            None => {
                let text = format!("has the key `{}`, which the format does not know", shown(&key));
                odd = Some(fault("have unknown keys", &text));
            }
            Some(slot) => {
                if slot.replace(value).is_some() {
                    odd = Some(fault("state a key twice", &format!("states `{key}` twice")));
                }
            }
        }
    }
    let [Some(Json::Text(dtype)), Some(Json::List(shape, 0)), Some(Json::List(offsets, 0))] = parts else {
        let text = "lacks `dtype`, `shape` or `data_offsets`, or one of them is of the wrong type";
        return Err(fault("cannot be understood", text));
    };
    let Some((dtype, bits)) = dtype::find(&dtype) else {
        let text = format!("has the type `{}`, which the format does not know", shown(&dtype));
        return Err(fault("have unknown types", &text));
    };
    let [Json::Count(begin), Json::Count(end)] = offsets.as_slice() else {
        return Err(fault("have wrong offsets", "has `data_offsets` that are not two sizes"));
    };
    let (begin, end) = (*begin, *end);
    let bytes = end.checked_sub(begin);
    let Some(bytes) = bytes else {
        return Err(fault("have wrong offsets", &format!("ends at {end}, before it begins at {begin}")));
    };
    let elements = shape.iter().try_fold(1u64, |all, dimension| match dimension {
        Json::Count(count) => all.checked_mul(*count),
        _ => None,
    });
    let sizes = elements.and_then(|elements| Some((elements, elements.checked_mul(bits)?)));
    let Some((elements, all_bits)) = sizes else {
        let sizes = shape.iter().all(|dimension| matches!(dimension, Json::Count(_)));
        let reason = "has a shape that is no list of sizes or overflows";
        let wraps = sizes.then(|| shown_name.clone());
        return Err(HeaderFault { wraps, ..fault("have a shape that cannot be", reason) });
    };
    if all_bits.checked_rem(8) != Some(0) {
        odd = Some(fault(
            "end within a byte",
            &format!("has {elements} elements of {bits} bits, no whole bytes"),
        ));
    } else if all_bits.checked_div(8) != Some(bytes) {
        let text = format!("has {elements} elements of type {dtype} and claims {bytes} bytes");
        odd = Some(fault("have a shape that does not fit their size", &text));
    }
    let size = |dimension: &Json| if let Json::Count(count) = dimension { *count } else { 0 };
    let shape = shape.iter().map(size).collect();
    Ok((Tensor { name, dtype, elements, shape, begin, end }, odd))
}

/// A name as it is told: not longer than a line.
fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()).escape_debug().to_string(),
        None => name.escape_debug().to_string(),
    }
}

/// A JSON value, kept as far as an entry may need it.
enum Json {
    Text(String),
    /// A number that is a size.
    Count(u64),
    /// The first items, and how many were dropped.
    List(Vec<Json>, u64),
    /// The first items, and how many were dropped. A key may occur twice.
    Object(Vec<(String, Json)>, u64),
    /// Anything else.
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Count(value))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut kept = Vec::new();
        let mut dropped = 0u64;
        while kept.len() < MOST_ITEMS {
            match items.next_element()? {
                Some(item) => kept.push(item),
                None => return Ok(Json::List(kept, dropped)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {
            dropped = dropped.saturating_add(1);
        }
        Ok(Json::List(kept, dropped))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut kept = Vec::new();
        let mut dropped = 0u64;
        while kept.len() < MOST_ITEMS {
            match items.next_entry()? {
                Some(item) => kept.push(item),
                None => return Ok(Json::Object(kept, dropped)),
            }
        }
        while items.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            dropped = dropped.saturating_add(1);
        }
        Ok(Json::Object(kept, dropped))
    }
}
