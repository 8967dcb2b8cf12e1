//! Identity tokens (OpenID Connect Core 1.0, section 2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use weighbridge_net::exchange::Exchange;
use zeroize::Zeroizing;

use super::{SigningError, accepted};

/// For whom a token must be made out: the name by which authorities of Sigstore know themselves.
const AUDIENCE: &str = "sigstore";

/// What an identity provider says of somebody. Whoever has it can sign as him, until it expires: it is wiped when it is
/// dropped, and never shown.
pub struct Token(Zeroizing<String>);

/// Where a machine that builds gets a token for what it is building.
pub struct Ambient {
    /// Where to ask.
    pub url: String,
    /// What allows to.
    pub secret: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Claims {
    /// When it expires, in seconds since 1970; a fraction is allowed (RFC 7519, section 2).
    exp: serde_json::Number,
}

#[derive(Deserialize)]
struct Issued {
    value: String,
}

impl Token {
    /// The token in a text. Whether it is a good one, only the authority can say.
    ///
    /// # Errors
    /// [`SigningError::Token`] where it is none, or has expired at `time`, in seconds since 1970.
    pub fn read(text: &str, time: i64) -> Result<Self, SigningError> {
        let wrong = |what: &str| SigningError::Token(what.to_owned());
        let text = text.trim();
        let mut parts = text.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("it does not consist of three parts with dots between them"));
        };
        let claims = Zeroizing::new(
            URL_SAFE_NO_PAD.decode(claims).map_err(|_| wrong("its second part is not base64"))?,
        );
        let claims: Claims =
            serde_json::from_slice(&claims).map_err(|_| wrong("it does not say when it expires"))?;
        let expires = claims.exp.to_string();
        let expires = expires.split('.').next().and_then(|whole| whole.parse::<i64>().ok());
        if expires.ok_or_else(|| wrong("it does not say when it expires"))? <= time {
            return Err(wrong("it has expired"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Asks the machine that builds (GitHub Actions, *OpenID Connect reference*).
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn ask(exchange: &Exchange, ambient: &Ambient, time: i64) -> Result<Self, SigningError> {
        let join = if ambient.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{join}audience={AUDIENCE}", ambient.url);
        let secret = Self(ambient.secret.clone());
        let body = Zeroizing::new(accepted(&url, exchange.get(&url, secret.text())?, &secret)?);
        let issued: Issued = serde_json::from_slice(&body)
            .map_err(|_| SigningError::Answer { url, expected: "an identity token" })?;
        Self::read(&Zeroizing::new(issued.value), time)
    }

    /// What is sent to the authority.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_is_read_until_it_expires() {
        let text = token(r#"{"exp":1000,"sub":"s3cret"}"#);
        let read = Token::read(&format!("{text}\n"), 999).unwrap();
        assert_eq!(read.text(), text);
        assert!(!format!("{read:?}").contains("s3cret"));
        assert!(Token::read(&token(r#"{"exp":1000.5}"#), 999).is_ok());
        for (claims, time) in [(r#"{"exp":1000}"#, 1000), (r#"{"exp":1000.5}"#, 1000), (r#"{"exp":-1}"#, 0)] {
            let error = Token::read(&token(claims), time).unwrap_err().to_string();
            assert!(error.contains("expired"), "{error}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_without_showing_it() {
        for text in [
            "",
            "s3cret",
            "s3.cr.e.t",
            "e30.s3cret!.e30",
            &token("{}"),
            &token("s3cret"),
            &token(r#"{"exp":1e99}"#),
        ] {
            let error = Token::read(text, 0).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
