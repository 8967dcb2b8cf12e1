//! The URI of a key in a device (RFC 7512, section 2.3).

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Pkcs11Error;

/// Which key is meant, and how to get at it. What is absent fits everything.
#[derive(Default)]
pub struct Uri {
    /// The label of the token.
    pub token: Option<String>,
    /// Who made the token.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// The number of its slot.
    pub slot: Option<u64>,
    /// The label of the key.
    pub object: Option<String>,
    /// The id of the key.
    pub id: Option<Vec<u8>>,
    /// The library of the device.
    pub module_path: Option<PathBuf>,
    /// The PIN, or where it is.
    pub pin: Option<PinSource>,
}

/// Where a PIN comes from.
pub enum PinSource {
    /// It stands in the URI.
    Value(Zeroizing<String>),
    /// It stands in this file.
    File(PathBuf),
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`Pkcs11Error::Uri`], also for every attribute that is not known here: a key that may be another one than the one
    /// meant does not sign. No value is repeated in it.
    pub fn parse(text: &str) -> Result<Self, Pkcs11Error> {
        let rest = text.strip_prefix("pkcs11:").ok_or_else(|| wrong("it does not begin with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        let path = path.split(';').map(|part| (part, true));
        let query = query.split('&').map(|part| (part, false));
        let mut seen = Vec::new();
        for (part, in_path) in path.chain(query).filter(|(part, _)| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a part of it has no `=`"))?;
            if seen.contains(&name) {
                return Err(wrong(&format!("`{name}` stands in it twice")));
            }
            seen.push(name);
            uri.take(name, &decoded(name, value)?, in_path)?;
        }
        Ok(uri)
    }

    fn take(&mut self, name: &str, bytes: &[u8], in_path: bool) -> Result<(), Pkcs11Error> {
        if (name, in_path) == ("id", true) {
            self.id = Some(bytes.to_owned());
            return Ok(());
        }
        let text = || {
            let text = std::str::from_utf8(bytes).map_err(|_| wrong(&format!("`{name}` is not UTF-8")))?;
            Ok::<_, Pkcs11Error>(text.to_owned())
        };
        match (name, in_path) {
            ("token", true) => self.token = Some(text()?),
            ("manufacturer", true) => self.manufacturer = Some(text()?),
            ("model", true) => self.model = Some(text()?),
            ("serial", true) => self.serial = Some(text()?),
            ("slot-id", true) => {
                let slot = text()?.parse().map_err(|_| wrong("`slot-id` is no number"))?;
                self.slot = Some(slot);
            }
            ("object", true) => self.object = Some(text()?),
            ("type", true) if text()? == "private" => {}
            ("type", true) => return Err(wrong("`type` is not `private`")),
            ("module-path", false) => self.module_path = Some(text()?.into()),
            ("pin-value" | "pin-source", false) if self.pin.is_some() => {
                return Err(wrong("it has both `pin-value` and `pin-source`"));
            }
            ("pin-value", false) => self.pin = Some(PinSource::Value(Zeroizing::new(text()?))),
            ("pin-source", false) => {
                let source = text()?;
                // Section 2.4: a `|` would have a program started.
                if source.starts_with('|') {
                    return Err(wrong("`pin-source` names a program, and none is started for a PIN"));
                }
                let path = source.strip_prefix("file:").unwrap_or(&source);
                self.pin = Some(PinSource::File(path.strip_prefix("//").unwrap_or(path).into()));
            }
            _ => return Err(wrong(&format!("the attribute `{name}` is not known here"))),
        }
        Ok(())
    }
}

fn wrong(what: &str) -> Pkcs11Error {
    Pkcs11Error::Uri(what.to_owned())
}

/// The bytes of a value (RFC 3986, section 2.1).
fn decoded(name: &str, value: &str) -> Result<Zeroizing<Vec<u8>>, Pkcs11Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(wrong(&format!("`{name}` has a `%` without two hexadecimal digits"))),
        }
    }
    Ok(bytes)
}

impl fmt::Debug for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Uri")
            .field("token", &self.token)
            .field("object", &self.object)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_read() {
        let uri = Uri::parse(
            "pkcs11:token=The%20token;manufacturer=M;model=SoftHSM%20v2;serial=0a;slot-id=7;object=key%3b1;id=%01%ff;\
             type=private?module-path=/usr/lib/x.so&pin-value=1%2634",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The token"));
        assert_eq!(uri.manufacturer.as_deref(), Some("M"));
        assert_eq!(uri.model.as_deref(), Some("SoftHSM v2"));
        assert_eq!(uri.serial.as_deref(), Some("0a"));
        assert_eq!(uri.slot, Some(7));
        assert_eq!(uri.object.as_deref(), Some("key;1"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!(uri.module_path, Some("/usr/lib/x.so".into()));
        assert!(matches!(&uri.pin, Some(PinSource::Value(pin)) if **pin == "1&34"));
        assert!(!format!("{uri:?}").contains("1&34"));
    }

    #[test]
    fn a_pin_may_lie_in_a_file() {
        for source in ["/run/pin", "file:/run/pin", "file:///run/pin"] {
            let uri = Uri::parse(&format!("pkcs11:?pin-source={source}")).unwrap();
            assert!(
                matches!(&uri.pin, Some(PinSource::File(path)) if path.as_os_str() == "/run/pin"),
                "{source}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_without_its_value() {
        for (text, expected) in [
            ("pkcs12:token=s3cret", "`pkcs11:`"),
            ("pkcs11:token", "no `=`"),
            ("pkcs11:token=s3cret;token=s3cret", "twice"),
            ("pkcs11:token=s3cret%2", "two hexadecimal digits"),
            ("pkcs11:token=%ff", "UTF-8"),
            ("pkcs11:type=s3cret", "`private`"),
            ("pkcs11:slot-id=s3cret", "no number"),
            ("pkcs11:x-vendor=s3cret", "`x-vendor`"),
            ("pkcs11:pin-value=s3cret", "`pin-value`"),
            ("pkcs11:?pin-value=s3cret&pin-source=/s3cret", "both"),
            ("pkcs11:?pin-source=|s3cret", "program"),
            ("pkcs11:?module-name=s3cret", "`module-name`"),
        ] {
            let error = Uri::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{text}: {error}");
        }
    }
}
