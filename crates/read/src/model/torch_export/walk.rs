//! Walks JSON without building it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use weighbridge_core::coverage::Unread;

/// Calls `found` with every text and the key that it stands under, or that the list stands under which holds it.
pub(super) fn texts(text: &[u8], found: &mut dyn FnMut(&str, &str)) -> Result<(), Unread> {
    run(text, Texts { key: "", found })
}

/// Names of the records that a table of weights or constants says are pickles.
///
/// # Errors
/// It is no JSON.
pub(crate) fn pickled(text: &[u8]) -> Result<Vec<String>, Unread> {
    let mut names = Vec::new();
    run(text, Pickled { names: &mut names })?;
    Ok(names)
}

fn run<'de, S: DeserializeSeed<'de>>(text: &'de [u8], seed: S) -> Result<(), Unread> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let outcome = seed.deserialize(&mut reader).and_then(|_| reader.end());
    outcome.map_err(|error| Unread::Malformed(format!("no JSON: {error}")))
}

struct Texts<'a> {
    key: &'a str,
    found: &'a mut dyn FnMut(&str, &str),
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Kinds of value that hold no text.
macro_rules! ignored {
    ($value:ty) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<$value, E> {
            Ok(<$value>::default())
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<$value, E> {
            Ok(<$value>::default())
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<$value, E> {
            Ok(<$value>::default())
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<$value, E> {
            Ok(<$value>::default())
        }
        fn visit_unit<E: Error>(self) -> Result<$value, E> {
            Ok(<$value>::default())
        }
    };
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    ignored!(());

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        (self.found)(self.key, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Texts { key: self.key, found: &mut *self.found })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(key) = items.next_key::<String>()? {
            items.next_value_seed(Texts { key: &key, found: &mut *self.found })?;
        }
        Ok(())
    }
}

/// What stands under a key of a table: a text, or whether it is true.
#[derive(Default)]
struct Leaf {
    text: Option<String>,
    yes: bool,
}

struct Pickled<'a> {
    names: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Pickled<'_> {
    type Value = Leaf;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Leaf, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pickled<'_> {
    type Value = Leaf;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Leaf, E> {
        Ok(Leaf { text: None, yes })
    }

    // Python takes any number but zero, and any text, for true.
    fn visit_i64<E: Error>(self, number: i64) -> Result<Leaf, E> {
        Ok(Leaf { text: None, yes: number != 0 })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Leaf, E> {
        Ok(Leaf { text: None, yes: number != 0 })
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Leaf, E> {
        Ok(Leaf { text: None, yes: number != 0.0 })
    }

    fn visit_unit<E: Error>(self) -> Result<Leaf, E> {
        Ok(Leaf::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Leaf, E> {
        Ok(Leaf { yes: !text.is_empty(), text: Some(text.to_owned()) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Leaf, A::Error> {
        let mut yes = false;
        while items.next_element_seed(Pickled { names: &mut *self.names })?.is_some() {
            yes = true;
        }
        Ok(Leaf { text: None, yes })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Leaf, A::Error> {
        // A key may come twice; each of its values counts.
        let (mut paths, mut pickled) = (Vec::new(), false);
        while let Some(key) = items.next_key::<String>()? {
            let leaf = items.next_value_seed(Pickled { names: &mut *self.names })?;
            match key.as_str() {
                "path_name" => paths.extend(leaf.text),
                "use_pickle" => pickled |= leaf.yes,
                _ => {}
            }
        }
        if pickled {
            self.names.append(&mut paths);
        }
        Ok(Leaf { text: None, yes: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_with_their_keys() {
        let mut seen = Vec::new();
        let text = br#"{"a": ["b", {"c": "d"}, 1, null], "e": {"f": true}}"#;
        texts(text, &mut |key, value| seen.push(format!("{key}={value}"))).unwrap();
        assert_eq!(seen, ["a=b", "c=d"]);
        assert!(texts(b"{", &mut |_, _| {}).is_err());
        assert!(texts(&b"[".repeat(100_000), &mut |_, _| {}).is_err());
    }

    #[test]
    fn what_is_a_pickle_is_found() {
        let check = |text: &str, expected: &[&str]| assert_eq!(pickled(text.as_bytes()).unwrap(), expected);
        check(r#"{"config": {"w": {"path_name": "weight_0", "use_pickle": false}}}"#, &[]);
        check(r#"{"config": {"w": {"path_name": "weight_0", "use_pickle": true}}}"#, &["weight_0"]);
        check(r#"{"a": {"use_pickle": 1, "path_name": "x", "use_pickle": false}}"#, &["x"]);
    }
}
