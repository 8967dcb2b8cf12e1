//! Builds GGUF files, sound ones and others.

/// A file in the making: metadata and descriptions of tensors are kept apart until the end.
#[derive(Clone, Default)]
pub(crate) struct Gguf {
    big: bool,
    version: u32,
    pairs: Vec<u8>,
    pair_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data: Vec<u8>,
    alignment: usize,
}

impl Gguf {
    /// An empty file of version 3.
    pub(crate) fn new() -> Self {
        Self { version: 3, alignment: 32, ..Self::default() }
    }

    /// The same in another version.
    pub(crate) fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// The same with the most significant byte of every number first.
    pub(crate) fn big_endian(self) -> Self {
        Self { big: true, ..self }
    }

    /// Pads tensors to this alignment, which the metadata must state.
    pub(crate) fn aligned(self, alignment: usize) -> Self {
        Self { alignment, ..self }
    }

    /// A number of four bytes.
    pub(crate) fn u32(&self, number: u32) -> Vec<u8> {
        if self.big { number.to_be_bytes().to_vec() } else { number.to_le_bytes().to_vec() }
    }

    /// A number of eight bytes.
    pub(crate) fn u64(&self, number: u64) -> Vec<u8> {
        if self.big { number.to_be_bytes().to_vec() } else { number.to_le_bytes().to_vec() }
    }

    /// A count, which has four bytes in version 1.
    pub(crate) fn count(&self, number: u64) -> Vec<u8> {
        if self.version == 1 { self.u32(u32::try_from(number).unwrap()) } else { self.u64(number) }
    }

    /// A string with its length.
    pub(crate) fn text(&self, text: &str) -> Vec<u8> {
        [self.count(text.len() as u64), text.as_bytes().to_vec()].concat()
    }

    /// A pair whose value is given as its type and bytes.
    pub(crate) fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        let pair = [self.text(key), self.u32(kind), value.to_vec()].concat();
        self.pairs.extend(pair);
        self.pair_count += 1;
        self
    }

    /// A pair with a string.
    pub(crate) fn string(self, key: &str, value: &str) -> Self {
        let value = self.text(value);
        self.pair(key, 8, &value)
    }

    /// A pair with a number of four bytes.
    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        let value = self.u32(value);
        self.pair(key, 4, &value)
    }

    /// A pair with a list of strings.
    pub(crate) fn strings(self, key: &str, values: &[&str]) -> Self {
        let mut list = [self.u32(8), self.count(values.len() as u64)].concat();
        values.iter().for_each(|value| list.extend(self.text(value)));
        self.pair(key, 9, &list)
    }

    /// The description of a tensor, whatever it claims.
    pub(crate) fn describe(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let mut tensor = [self.text(name), self.u32(u32::try_from(shape.len()).unwrap())].concat();
        shape.iter().for_each(|size| tensor.extend(self.count(*size)));
        tensor.extend([self.u32(kind), self.u64(offset)].concat());
        self.tensors.extend(tensor);
        self.tensor_count += 1;
        self
    }

    /// A tensor of so many bytes after those before.
    pub(crate) fn tensor(mut self, name: &str, shape: &[u64], kind: u32, bytes: usize) -> Self {
        let offset = self.data.len() as u64;
        self.data.resize(self.data.len() + bytes, 0x5a);
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        self.describe(name, shape, kind, offset)
    }

    /// Bytes behind the tensors so far.
    pub(crate) fn data(mut self, bytes: &[u8]) -> Self {
        self.data.extend(bytes);
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.claiming(self.tensor_count, self.pair_count)
    }

    /// The file with a header that claims these counts.
    pub(crate) fn claiming(&self, tensors: u64, pairs: u64) -> Vec<u8> {
        let header =
            [b"GGUF".to_vec(), self.u32(self.version), self.count(tensors), self.count(pairs)].concat();
        let mut file = [header, self.pairs.clone(), self.tensors.clone()].concat();
        if self.tensor_count > 0 {
            file.resize(file.len().next_multiple_of(self.alignment), 0);
        }
        file.extend(&self.data);
        file
    }
}

/// A small model with a vocabulary, a template and two tensors.
pub(crate) fn model(template: &str) -> Gguf {
    Gguf::new()
        .string("general.architecture", "llama")
        .number("general.file_type", 1)
        .strings("tokenizer.ggml.tokens", &["<s>", "</s>", "a"])
        .string("tokenizer.chat_template", template)
        .tensor("token_embd.weight", &[32, 3], 1, 192)
        .tensor("output.weight", &[32, 3], 8, 102)
}
