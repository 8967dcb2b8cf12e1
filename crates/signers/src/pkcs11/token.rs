//! A key in a token, ready to sign.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use weighbridge_trust::{Curve, PublicKey};
use zeroize::Zeroizing;

use super::{Pkcs11Error, Uri};

/// A key in a token, for which a session is open. It is closed, and with it what the PIN opened, when this is dropped.
pub struct Token {
    /// A session must not be used by two threads at a time.
    session: Mutex<Session>,
    key: ObjectHandle,
    label: String,
    public: Option<PublicKey>,
}

impl Token {
    /// Opens the key of `uri` by way of the library `module`. `pin` is asked for the PIN only where the token wants one
    /// from the program; it hears the label of the token.
    ///
    /// # Errors
    /// [`Pkcs11Error`]. A PIN that is not taken is not tried again: devices count.
    pub fn open(
        uri: &Uri,
        module: &Path,
        pin: &dyn Fn(&str) -> Option<Zeroizing<String>>,
    ) -> Result<Self, Pkcs11Error> {
        let unusable = |error: Error| Pkcs11Error::Module { path: module.to_owned(), why: reason(&error) };
        let library = Pkcs11::new(module).map_err(unusable)?;
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Somebody in this process has started it, which is as good.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(unusable(error)),
        }
        let (slot, info) = find_token(&library, uri)?;
        let label = info.label().to_owned();
        let session = library.open_ro_session(slot).map_err(failed("opening a session"))?;
        if info.login_required() {
            log_in(&session, &info, pin)?;
        }
        let key = find_key(&session, uri, &label)?;
        let wanted = [AttributeType::AlwaysAuthenticate];
        let attributes = session.get_attributes(key, &wanted).map_err(failed("reading the key"))?;
        if attributes.contains(&Attribute::AlwaysAuthenticate(true)) {
            return Err(Pkcs11Error::AlwaysAsks);
        }
        let public = public_key(&session, key)?;
        Ok(Self { session: Mutex::new(session), key, label, public })
    }

    /// The label of the token.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The public key, where the token has it, too.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    /// The signature over `message` in DER, hashed as belongs to the curve of `public`, which is that of the key here.
    ///
    /// # Errors
    /// [`Pkcs11Error`]. Whether the signature is one of `public` is for the caller to see.
    pub fn sign(&self, public: &PublicKey, message: &[u8]) -> Result<Vec<u8>, Pkcs11Error> {
        let digest = public.sha2().digest(message);
        // One who failed with the session leaves it as it was.
        let session = self.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let raw = session.sign(&Mechanism::Ecdsa, self.key, &digest).map_err(failed("signing"))?;
        public.signature_to_der(&raw).ok_or(Pkcs11Error::Signature)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token({:?})", self.label)
    }
}

/// What is at the bottom of an error of loading: those above it say the same in other words.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), reason)
}

fn failed(what: &'static str) -> impl Fn(Error) -> Pkcs11Error {
    move |error| Pkcs11Error::Device(what, error)
}

fn find_token(library: &Pkcs11, uri: &Uri) -> Result<(Slot, TokenInfo), Pkcs11Error> {
    let mut tokens = Vec::new();
    let mut fitting = Vec::new();
    for slot in library.get_slots_with_initialized_token().map_err(failed("listing the tokens"))? {
        let info = library.get_token_info(slot).map_err(failed("reading a token"))?;
        tokens.push(info.label().to_owned());
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        if fits(&uri.token, info.label())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.model, info.model())
            && fits(&uri.serial, info.serial_number())
            && uri.slot.is_none_or(|wanted| wanted == slot.id())
        {
            fitting.push((slot, info));
        }
    }
    let found = fitting.len();
    match fitting.pop() {
        Some(one) if found == 1 => Ok(one),
        _ => Err(Pkcs11Error::Tokens { found, tokens }),
    }
}

fn log_in(
    session: &Session,
    info: &TokenInfo,
    pin: &dyn Fn(&str) -> Option<Zeroizing<String>>,
) -> Result<(), Pkcs11Error> {
    let label = info.label().to_owned();
    let pin = if info.protected_authentication_path() {
        // It is typed at the device.
        None
    } else {
        let pin = pin(&label).ok_or_else(|| Pkcs11Error::NeedsPin(label.clone()))?;
        Some(AuthPin::new(pin.as_str().into()))
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinLocked,
            _,
        )) => Err(Pkcs11Error::WrongPin(label)),
        Err(error) => Err(Pkcs11Error::Device("taking the PIN", error)),
    }
}

fn find_key(session: &Session, uri: &Uri, token: &str) -> Result<ObjectHandle, Pkcs11Error> {
    let mut wanted = vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(KeyType::EC)];
    wanted.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    wanted.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
    let keys = session.find_objects(&wanted).map_err(failed("looking for the key"))?;
    match *keys {
        [key] => Ok(key),
        _ => Err(Pkcs11Error::Keys { found: keys.len(), token: token.to_owned() }),
    }
}

/// The public key with the id of a private one; none where the token has none.
fn public_key(session: &Session, private: ObjectHandle) -> Result<Option<PublicKey>, Pkcs11Error> {
    let reading = failed("reading the public key");
    let mut wanted = vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::KeyType(KeyType::EC)];
    let id = session.get_attributes(private, &[AttributeType::Id]).map_err(&reading)?;
    wanted.extend(id);
    let found = session.find_objects(&wanted).map_err(&reading)?;
    let [public] = *found else { return Ok(None) };
    let attributes = session
        .get_attributes(public, &[AttributeType::EcParams, AttributeType::EcPoint])
        .map_err(&reading)?;
    let (mut parameters, mut point) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::EcParams(bytes) => parameters = Some(bytes),
            Attribute::EcPoint(bytes) => point = Some(bytes),
            _ => {}
        }
    }
    let (Some(parameters), Some(point)) = (parameters, point) else { return Ok(None) };
    let curve = curve(&parameters).ok_or(Pkcs11Error::Kind)?;
    PublicKey::from_point(curve, unwrapped(curve, &point)).map(Some).map_err(|_| Pkcs11Error::Kind)
}

/// The curve of `CKA_EC_PARAMS`: the DER of its name (RFC 5480, section 2.1.1.1).
fn curve(parameters: &[u8]) -> Option<Curve> {
    match parameters {
        [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => Some(Curve::P256),
        [6, 5, 0x2b, 0x81, 4, 0, 0x22] => Some(Curve::P384),
        [6, 5, 0x2b, 0x81, 4, 0, 0x23] => Some(Curve::P521),
        _ => None,
    }
}

/// The point in `CKA_EC_POINT`: in an OCTET STRING, as PKCS #11 v3.1 wants (section 6.3.3), or bare, as some devices
/// give it.
fn unwrapped(curve: Curve, point: &[u8]) -> &[u8] {
    let header: &[u8] = match curve {
        Curve::P256 => &[4, 65],
        Curve::P384 => &[4, 97],
        Curve::P521 => &[4, 0x81, 133],
    };
    let length = header.last().map_or(0, |length| usize::from(*length));
    point.strip_prefix(header).filter(|bare| bare.len() == length).unwrap_or(point)
}
