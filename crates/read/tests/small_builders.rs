//! Builders of small formats, for the tests of the readers and for the suites of the engine.

/// Writes items in XDR.
#[derive(Clone, Default)]
pub(crate) struct Xdr(Vec<u8>);

impl Xdr {
    /// What `saveRDS(compress = FALSE)` begins with.
    pub(crate) fn new() -> Self {
        Self(b"X\n".to_vec()).int(3).int(0x0004_0202).int(0x0003_0500).int(5).raw(b"UTF-8")
    }

    /// What `save(compress = FALSE)` begins with.
    pub(crate) fn workspace() -> Self {
        Self([b"RDX3\n", Self::new().0.as_slice()].concat())
    }

    pub(crate) fn int(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.int(9 | 0x4_0000).int(text.len() as i32).raw(text.as_bytes())
    }

    pub(crate) fn symbol(self, name: &str) -> Self {
        self.int(1).text(name)
    }

    /// `NAME(TEXT)`, unevaluated.
    pub(crate) fn call(self, name: &str, text: &str) -> Self {
        self.int(6).symbol(name).int(2).int(16).int(1).text(text).null()
    }

    pub(crate) fn null(self) -> Self {
        self.int(254)
    }

    /// A promise that nobody has looked at, in the global environment.
    pub(crate) fn promise(self, name: &str, text: &str) -> Self {
        self.int(5 | 1 << 10).int(253).int(252).call(name, text)
    }

    /// `function() NAME(TEXT)` in the global environment.
    pub(crate) fn closure(self, name: &str, text: &str) -> Self {
        self.int(3 | 1 << 10).int(253).null().call(name, text)
    }

    /// A variable of a list of them; the list goes on behind it.
    pub(crate) fn variable(self, name: &str) -> Self {
        self.int(2 | 1 << 10).symbol(name)
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }
}
