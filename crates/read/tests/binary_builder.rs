//! Small binaries of the three formats, with just those parts that are read.

/// What goes into a binary.
#[derive(Clone, Default)]
pub(crate) struct Binary<'a> {
    /// The name by which others ask for it.
    pub(crate) name: &'a str,
    /// Libraries that it asks for.
    pub(crate) needs: &'a [&'a str],
    /// Symbols that it defines.
    pub(crate) defines: &'a [&'a str],
    /// Symbols that it wants from others.
    pub(crate) asks: &'a [&'a str],
    /// Constant texts.
    pub(crate) texts: &'a [&'a str],
    /// Where it looks for libraries (ELF).
    pub(crate) search: &'a str,
    /// `FileVersion` (PE).
    pub(crate) version: &'a str,
    /// The file of debug symbols (ELF).
    pub(crate) debug: &'a str,
}

/// Texts with a zero behind each; the offset of each by the order in which they were put in.
#[derive(Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn new() -> Self {
        Self(vec![0])
    }

    fn put(&mut self, text: &str) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend(text.as_bytes());
        self.0.push(0);
        at
    }
}

fn constants(binary: &Binary<'_>) -> Vec<u8> {
    let mut texts = Texts::new();
    binary.texts.iter().for_each(|text| {
        texts.put(text);
    });
    texts.0
}

/// ELF for x86-64, loaded at address 0 as it lies in the file.
pub(crate) fn elf(binary: &Binary<'_>) -> Vec<u8> {
    let mut names = Texts::new();
    let mut symbols = vec![0u8; 24];
    for (list, section) in [(binary.asks, 0u16), (binary.defines, 1)] {
        for symbol in list {
            symbols.extend(names.put(symbol).to_le_bytes());
            symbols.extend([0x12, 0]);
            symbols.extend(section.to_le_bytes());
            symbols.extend([0; 16]);
        }
    }
    let mut dynamic: Vec<(u64, u64)> = Vec::new();
    for needed in binary.needs {
        dynamic.push((1, names.put(needed).into()));
    }
    for (tag, text) in [(14, binary.name), (29, binary.search)] {
        if !text.is_empty() {
            dynamic.push((tag, names.put(text).into()));
        }
    }
    let constants = constants(binary);
    let note = [&4u32.to_le_bytes()[..], &4u32.to_le_bytes(), &3u32.to_le_bytes(), b"GNU\0\xab\xcd\xef\x01"]
        .concat();
    let debug = [binary.debug.as_bytes(), b"\0\0\0\0\x12\x34\x56\x78"].concat();
    let sections = b"\0.rodata\0.dynsym\0.shstrtab\0.gnu_debuglink\0";

    // Header, three segments, then one part after the other.
    let mut at = 64 + 3 * 56;
    let mut place = |size: usize| {
        let here = at as u64;
        at += size.next_multiple_of(8);
        here
    };
    let symbols_at = place(symbols.len());
    let names_at = place(names.0.len());
    dynamic.extend([(5, names_at), (6, symbols_at), (10, names.0.len() as u64), (0, 0)]);
    let dynamic: Vec<u8> =
        dynamic.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat()).collect();
    let dynamic_at = place(dynamic.len());
    let constants_at = place(constants.len());
    let note_at = place(note.len());
    let debug_at = place(debug.len());
    let section_names_at = place(sections.len());
    let sections_at = place(0);

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend(64u64.to_le_bytes());
    file.extend(sections_at.to_le_bytes());
    file.extend([0; 4]);
    file.extend([64u16, 56, 3, 64, 5, 3].iter().flat_map(|number| number.to_le_bytes()));
    for (kind, at, size) in
        [(1u32, 0, sections_at), (2, dynamic_at, dynamic.len() as u64), (4, note_at, note.len() as u64)]
    {
        file.extend([kind, 5].iter().flat_map(|number| number.to_le_bytes()));
        file.extend([at, at, at, size, size, 8].iter().flat_map(|number| number.to_le_bytes()));
    }
    for part in [&symbols[..], &names.0, &dynamic, &constants, &note, &debug, sections] {
        file.extend(part);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    let section = |name: u32, kind: u32, at: u64, size: usize| {
        let mut entry = [name.to_le_bytes(), kind.to_le_bytes()].concat();
        entry.extend([2u64, at, at, size as u64, 0, 1, 0].iter().flat_map(|number| number.to_le_bytes()));
        entry
    };
    file.extend([0; 64]);
    file.extend(section(1, 1, constants_at, constants.len()));
    file.extend(section(9, 11, symbols_at, symbols.len()));
    file.extend(section(17, 3, section_names_at, sections.len()));
    file.extend(section(27, 1, debug_at, debug.len()));
    file
}

/// PE32+ for x86-64 with one section, `.rdata`, that holds everything.
pub(crate) fn pe(binary: &Binary<'_>) -> Vec<u8> {
    const BASE: u32 = 0x1000;
    let mut data = constants(binary);
    let put = |data: &mut Vec<u8>, bytes: &[u8]| {
        data.resize(data.len().next_multiple_of(8), 0);
        let at = BASE + data.len() as u32;
        data.extend(bytes);
        at
    };
    let text = |data: &mut Vec<u8>, text: &str| put(data, &[text.as_bytes(), b"\0"].concat());
    let numbers = |list: &[u32]| list.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();

    let name = text(&mut data, binary.name);
    let exported: Vec<u32> = binary.defines.iter().map(|symbol| text(&mut data, symbol)).collect();
    let list = put(&mut data, &numbers(&exported));
    let exports = put(&mut data, &numbers(&[0, 0, 0, name, 1, 0, exported.len() as u32, 0, list, 0]));

    let mut lookups: Vec<u8> = Vec::new();
    for symbol in binary.asks {
        let at = put(&mut data, &[b"\0\0", symbol.as_bytes(), b"\0"].concat());
        lookups.extend(u64::from(at).to_le_bytes());
    }
    lookups.extend([0; 8]);
    let lookups = put(&mut data, &lookups);
    let mut imported = Vec::new();
    for needed in binary.needs {
        let needed = text(&mut data, needed);
        imported.extend(numbers(&[lookups, 0, 0, needed, lookups]));
    }
    imported.extend([0; 20]);
    let imports = put(&mut data, &imported);

    let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    // The key begins behind three numbers of two bytes and ends at a multiple of four.
    let mut version = [vec![0; 6], wide("FileVersion")].concat();
    version.resize(version.len().next_multiple_of(4), 0);
    version.extend(wide(binary.version));
    let stated = put(&mut data, &version);
    const FOLDER: u32 = 1 << 31;
    let entry = [vec![0; 14], vec![1, 0]].concat();
    let tree = [
        entry.clone(),
        numbers(&[16, FOLDER | 24]),
        entry.clone(),
        numbers(&[1, FOLDER | 48]),
        entry,
        numbers(&[1033, 72]),
        numbers(&[stated, version.len() as u32, 0, 0]),
    ];
    let resources = put(&mut data, &tree.concat());

    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x80;
    file.extend(b"PE\0\0\x64\x86\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\0\x22\x20");
    file.extend(0x20bu16.to_le_bytes());
    file.extend([0; 110]);
    for directory in [exports, imports, resources] {
        file.extend(numbers(&[directory, 40]));
    }
    file.extend([0; 13 * 8]);
    file.extend(b".rdata\0\0");
    let at = (file.len() + 32).next_multiple_of(512) as u32;
    file.extend(numbers(&[data.len() as u32, BASE, data.len() as u32, at, 0, 0, 0, 0x4000_0040]));
    file.resize(at as usize, 0);
    [file, data].concat()
}

/// Mach-O for arm64.
pub(crate) fn mach_o(binary: &Binary<'_>) -> Vec<u8> {
    let numbers = |list: &[u32]| list.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let dylib = |kind: u32, name: &str| {
        let mut command = numbers(&[kind, 0, 24, 0, 3 << 16 | 14 << 8 | 1, 0]);
        command.extend([name.as_bytes(), b"\0"].concat());
        command.resize(command.len().next_multiple_of(8), 0);
        let size = command.len() as u32;
        command[4..8].copy_from_slice(&size.to_le_bytes());
        command
    };
    let constants = constants(binary);
    let mut names = Texts::new();
    let mut symbols = Vec::new();
    for (list, kind) in [(binary.asks, 1u8), (binary.defines, 0x0f)] {
        for symbol in list {
            symbols.extend(names.put(&format!("_{symbol}")).to_le_bytes());
            symbols.extend([kind, u8::from(kind > 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
    }
    let mut commands = Vec::new();
    if !binary.name.is_empty() {
        commands.push(dylib(0xd, binary.name));
    }
    commands.extend(binary.needs.iter().map(|needed| dylib(0xc, needed)));
    let ahead = 32 + commands.concat().len() + 152 + 24;
    let (texts_at, symbols_at) = (ahead as u32, (ahead + constants.len()) as u32);
    let names_at = symbols_at + symbols.len() as u32;
    let mut segment = numbers(&[0x19, 152]);
    segment.extend(b"__TEXT\0\0\0\0\0\0\0\0\0\0");
    segment.extend([0; 32]);
    segment.extend(numbers(&[5, 5, 1, 0]));
    segment.extend(b"__cstring\0\0\0\0\0\0\0__TEXT\0\0\0\0\0\0\0\0\0\0");
    segment.extend(0u64.to_le_bytes());
    segment.extend((constants.len() as u64).to_le_bytes());
    segment.extend(numbers(&[texts_at, 0, 0, 0, 0, 0, 0, 0]));
    commands.push(segment);
    let count = (symbols.len() / 16) as u32;
    commands.push(numbers(&[2, 24, symbols_at, count, names_at, names.0.len() as u32]));
    let size = commands.concat().len() as u32;
    let head = numbers(&[0xfeed_facf, 0x0100_000c, 0, 6, commands.len() as u32, size, 0, 0]);
    [head, commands.concat(), constants, symbols, names.0].concat()
}

/// One file that holds these programs.
pub(crate) fn fat(programs: &[Vec<u8>]) -> Vec<u8> {
    let mut file =
        [0xcafe_babeu32, programs.len() as u32].iter().flat_map(|it| it.to_be_bytes()).collect::<Vec<u8>>();
    let mut at = 8 + 20 * programs.len();
    for program in programs {
        file.extend([7u32, 3, at as u32, program.len() as u32, 0].iter().flat_map(|it| it.to_be_bytes()));
        at += program.len();
    }
    [file, programs.concat()].concat()
}
