//! Jinja templates: chat templates of language models, which loaders render with every request.
//!
//! Rendered without a sandbox (CVE-2024-34359), a template can reach all of Python through the attributes of any value.
//! So templates are parsed as Jinja parses them, what their expressions can give is worked out as far as attacks put
//! names together, and what is looked up behind the values is told. `lexer` and `literal` make tokens, `parser` makes
//! the tree of `syntax`, `evaluation` with `known` and `fold` says what an expression can give, `effects` tells.
//!
//! Source: `jinja2.lexer`, `jinja2.parser`, `jinja2.filters` and `jinja2.sandbox` of Jinja 3.1; `apply_chat_template` of
//! transformers for the tags, filters and functions that it adds.

mod effects;
mod evaluation;
mod fold;
mod known;
mod lexer;
mod literal;
mod parser;
mod syntax;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

/// The longest template that is read, in bytes; the longest ones in use have some 100 KB.
const LONGEST: u64 = 1 << 20;
/// Folders in which a model keeps its templates.
const FOLDERS: [&str; 2] = ["additional_chat_templates", "chat_templates"];

/// Reads Jinja templates.
pub struct Jinja;

impl Reader for Jinja {
    fn about(&self) -> &'static About {
        &About {
            id: "jinja",
            title: "Jinja chat templates",
            family: Family::Model,
            names: &["*chat_template*.jinja", "additional_chat_templates/*.jinja"],
            reads: "The whole template as a syntax tree: filters, functions, methods, and every attribute that leads \
                    behind the values, however its name is put together.",
        }
    }

    /// By name alone: a template looks like any text. Those of web pages and of code generators are none of a model's.
    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if !["jinja", "jinja2", "j2"].iter().any(|extension| hint.has_extension(extension)) {
            return Claim::No;
        }
        let named = hint.name().to_ascii_lowercase();
        let folder = hint.path.split('/').rev().nth(1).is_some_and(|folder| FOLDERS.contains(&folder));
        if folder || named.contains("chat_template") || named.contains("chat-template") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("jinja"), None);
        let most = LONGEST.min(input.limits().text_bytes);
        if input.size() > most {
            return Err(Unread::Limit(LimitKind::TextBytes, most));
        }
        let bytes = input.read_vec(0, input.size(), most)?;
        let source = match std::str::from_utf8(&bytes) {
            Ok(source) => source,
            Err(error) => {
                let at = u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX);
                sink.unread(Unread::Malformed("no UTF-8".to_owned()), Some(Span::Offset(at)));
                // What comes before can be understood all the same.
                std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
            }
        };
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let (tokens, unended) = lexer::lex(source);
        input.go_on()?;
        let (template, unparsed) = parser::parse(&tokens);
        // What a broken token cuts off is no fault of the grammar.
        if let Some(broken) = unended.or(unparsed) {
            let line = effects::Lines::new(source).line(broken.at);
            sink.unread(Unread::Malformed(broken.reason), Some(Span::Line(line)));
        }
        input.go_on()?;
        effects::tell(source, &template, sink);
        Ok(())
    }
}
