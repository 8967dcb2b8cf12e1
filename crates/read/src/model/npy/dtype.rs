//! Types of elements: how large they are, and whether an object, and so a pickle, is in them.
//!
//! Source: `numpy.lib.format.descr_to_dtype` and the array interface protocol, `typestr` and `descr`.

use super::Literal;

/// The type of an element.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Element {
    /// Its size in bytes.
    pub(super) size: u64,
    /// There is a Python object in it: the data are a pickle.
    pub(super) object: bool,
    /// What it is called, such as `float32`.
    pub(super) name: String,
}

/// Understands a `descr`.
///
/// # Errors
/// What is wrong, to follow "the type of the elements".
pub(super) fn element(descr: &Literal) -> Result<Element, String> {
    match descr {
        Literal::Text(code) => simple(code),
        Literal::List(fields) => structure(fields),
        // A type and a shape: a type made of an array of another one.
        Literal::Tuple(parts) => match parts.as_slice() {
            [inner, shape] => {
                let element = element(inner)?;
                let size = times(element.size, shape)?;
                Ok(Element { size, ..element })
            }
            _ => Err("is a tuple of other than type and shape".to_owned()),
        },
        _ => Err("is neither a code nor a list of fields".to_owned()),
    }
}

/// A structured type: fields of name, type and perhaps shape, one after the other.
fn structure(fields: &[Literal]) -> Result<Element, String> {
    let mut all = Element { size: 0, object: false, name: "structured".to_owned() };
    for field in fields {
        let Literal::Tuple(parts) = field else { return Err("has a field that is no tuple".to_owned()) };
        let (descr, shape) = match parts.as_slice() {
            [_, descr] => (descr, None),
            [_, descr, shape] => (descr, Some(shape)),
            _ => return Err("has a field of other than name, type and shape".to_owned()),
        };
        let field = element(descr)?;
        let size = shape.map_or(Ok(field.size), |shape| times(field.size, shape))?;
        all.size = all.size.checked_add(size).ok_or("is larger than can be counted")?;
        all.object |= field.object;
    }
    Ok(all)
}

/// The size of an array of elements.
fn times(size: u64, shape: &Literal) -> Result<u64, String> {
    let one = std::slice::from_ref(shape);
    let dimensions = if let Literal::Tuple(dimensions) = shape { dimensions.as_slice() } else { one };
    dimensions.iter().try_fold(size, |all, dimension| {
        let Literal::Int(digits) = dimension else { return Err("has a shape that is no size".to_owned()) };
        let dimension: u64 = digits.parse().map_err(|_| "has a shape that is no size".to_owned())?;
        all.checked_mul(dimension).ok_or_else(|| "is larger than can be counted".to_owned())
    })
}

/// A code such as `<f4`, `|O` or `<M8[ns]`.
fn simple(code: &str) -> Result<Element, String> {
    let wrong = || format!("is `{}`, which NumPy does not know", code.escape_default());
    let body = code.strip_prefix(['<', '>', '|', '=']).unwrap_or(code);
    // Dates and spans of time carry their unit in brackets.
    let body = body.split_once('[').map_or(body, |(body, _)| body);
    let mut characters = body.chars();
    let kind = characters.next().ok_or_else(wrong)?;
    let digits = characters.as_str();
    if kind == 'O' || body == "object" {
        return Ok(Element { size: 8, object: true, name: "object".to_owned() });
    }
    if body.contains(',') {
        // NumPy also takes `f4,O`, which nothing writes: what is in it decides whether there is a pickle.
        let object = body.contains('O');
        return if object {
            Ok(Element { size: 8, object, name: "structured".to_owned() })
        } else {
            Err(wrong())
        };
    }
    let count: u64 = if digits.is_empty() {
        letter_size(kind).ok_or_else(wrong)?
    } else {
        digits.parse().map_err(|_| wrong())?
    };
    let bits = || count.checked_mul(8).ok_or_else(wrong);
    let name = match kind {
        'b' | '?' if count == 1 && !digits.is_empty() || kind == '?' => "bool".to_owned(),
        'b' => format!("int{}", bits()?),
        'i' => format!("int{}", bits()?),
        'u' => format!("uint{}", bits()?),
        'f' => format!("float{}", bits()?),
        'c' => format!("complex{}", bits()?),
        'm' => "timedelta64".to_owned(),
        'M' => "datetime64".to_owned(),
        'S' | 'a' => "bytes".to_owned(),
        'U' => "text".to_owned(),
        'V' => "void".to_owned(),
        _ if digits.is_empty() => format!("`{kind}`"),
        _ => return Err(wrong()),
    };
    let size = if kind == 'U' { count.checked_mul(4).ok_or_else(wrong)? } else { count };
    Ok(Element { size, object: false, name })
}

/// The size of a type that is written as a letter alone, on a 64-bit machine.
fn letter_size(kind: char) -> Option<u64> {
    Some(match kind {
        '?' | 'b' | 'B' => 1,
        'h' | 'H' | 'e' => 2,
        'i' | 'I' | 'f' => 4,
        'l' | 'L' | 'q' | 'Q' | 'd' | 'F' | 'm' | 'M' | 'p' | 'P' => 8,
        'g' | 'D' => 16,
        'G' => 32,
        'S' | 'a' | 'U' | 'V' => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::literal::parse;
    use super::*;

    #[test]
    fn types_have_sizes_and_objects_are_found() {
        for (source, size, object, name) in [
            ("'<f4'", 4, false, "float32"),
            ("'|b1'", 1, false, "bool"),
            ("'|O'", 8, true, "object"),
            ("'O'", 8, true, "object"),
            ("'O8'", 8, true, "object"),
            ("'<U5'", 20, false, "text"),
            ("'|S7'", 7, false, "bytes"),
            ("'<M8[ns]'", 8, false, "datetime64"),
            ("'|V0'", 0, false, "void"),
            ("[('x', '<f8'), ('y', '<i4', (2, 3))]", 32, false, "structured"),
            ("[('x', '<f8'), ('y', '|O')]", 16, true, "structured"),
            ("[('x', [('deep', [('er', '|O', 2)])])]", 16, true, "structured"),
            ("[(('title', 'x'), '<f8')]", 8, false, "structured"),
            ("('<f4', (2,))", 8, false, "float32"),
            ("(('|O', (2,)), (3,))", 48, true, "object"),
        ] {
            let expected = Element { size, object, name: name.to_owned() };
            assert_eq!(element(&parse(source).unwrap()), Ok(expected), "{source}");
        }
        for source in
            ["'<q9x'", "''", "3", "[('x',)]", "[('x', '<f8', -1)]", "('<f4',)", "'<f99999999999999999999'"]
        {
            assert!(element(&parse(source).unwrap()).is_err(), "{source}");
        }
        let huge = "('<f8', (9223372036854775807, 9))";
        assert!(element(&parse(huge).unwrap()).is_err());
    }
}
