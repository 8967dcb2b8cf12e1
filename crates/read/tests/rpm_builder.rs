//! Builds small databases of RPM: headers, and the three kinds of file around them. Pages have 512 bytes.

/// Bytes of a page.
pub(crate) const PAGE: usize = 512;

pub(crate) const NAME: u32 = 1000;
pub(crate) const VERSION: u32 = 1001;
pub(crate) const RELEASE: u32 = 1002;
pub(crate) const EPOCH: u32 = 1003;
pub(crate) const VENDOR: u32 = 1011;
pub(crate) const LICENSE: u32 = 1014;
pub(crate) const ARCH: u32 = 1022;
pub(crate) const OLD_FILE_NAMES: u32 = 1027;
pub(crate) const SOURCE_RPM: u32 = 1044;
pub(crate) const DIR_INDEXES: u32 = 1116;
pub(crate) const BASE_NAMES: u32 = 1117;
pub(crate) const DIR_NAMES: u32 = 1118;
pub(crate) const MODULARITY_LABEL: u32 = 5096;

/// The values of a tag.
#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Texts(Vec<&'static str>),
    Numbers(Vec<u32>),
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A header with these tags.
pub(crate) fn header(tags: &[(u32, Value)]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, value) in tags {
        if matches!(value, Value::Numbers(_)) {
            store.resize(store.len().next_multiple_of(4), 0);
        }
        let (kind, count) = match value {
            Value::Text(_) => (6, 1),
            Value::Texts(texts) => (8, texts.len()),
            Value::Numbers(numbers) => (4, numbers.len()),
        };
        for number in [*tag, kind, length(&store), u32::try_from(count).unwrap()] {
            index.extend(number.to_be_bytes());
        }
        match value {
            Value::Text(text) => store.extend([text.as_bytes(), b"\0"].concat()),
            Value::Texts(texts) => {
                texts.iter().for_each(|text| store.extend([text.as_bytes(), b"\0"].concat()))
            }
            Value::Numbers(numbers) => numbers.iter().for_each(|number| store.extend(number.to_be_bytes())),
        }
    }
    let entries = u32::try_from(tags.len()).unwrap().to_be_bytes();
    [&entries[..], &length(&store).to_be_bytes(), &index, &store].concat()
}

/// A package of this name with version 1 and release 1, and more tags.
pub(crate) fn package(name: &str, more: &[(u32, Value)]) -> Vec<u8> {
    let own = [(NAME, text(name)), (VERSION, text("1")), (RELEASE, text("1")), (ARCH, text("noarch"))];
    header(&[&own[..], more].concat())
}

/// A package with the metadata of a Python package of the same name.
pub(crate) fn python(name: &str) -> Vec<u8> {
    let folder: &'static str = format!("/usr/lib/python3.9/site-packages/{name}-1.dist-info/").leak();
    package(
        name,
        &[
            (BASE_NAMES, Value::Texts(vec!["METADATA", "RECORD", "tool"])),
            (DIR_NAMES, Value::Texts(vec![folder, "/usr/bin/"])),
            (DIR_INDEXES, Value::Numbers(vec![0, 0, 1])),
        ],
    )
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// Writes bytes into a page.
pub(crate) fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A number as SQLite writes it where its length is not fixed.
fn varint(number: usize) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number & 0x7f).unwrap()];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes
}

/// A page of a SQLite table with these cells, the header of which begins at `start`.
fn sqlite_page(start: usize, kind: u8, right: Option<u32>, cells: &[Vec<u8>]) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    put(&mut page, start, &[kind]);
    put(&mut page, start + 3, &u16::try_from(cells.len()).unwrap().to_be_bytes());
    let mut pointer = start + 8;
    if let Some(right) = right {
        put(&mut page, pointer, &right.to_be_bytes());
        pointer += 4;
    }
    let mut end = PAGE;
    for cell in cells {
        end -= cell.len();
        put(&mut page, end, cell);
        put(&mut page, pointer, &u16::try_from(end).unwrap().to_be_bytes());
        pointer += 2;
    }
    put(&mut page, start + 5, &u16::try_from(end).unwrap().to_be_bytes());
    page
}

/// A SQLite database with the table `Packages`: page 1 is the schema, page 2 the root of the table, then for each package a leaf and
/// the pages on which its header goes on. The last page is free.
pub(crate) fn sqlite(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut pages: Vec<Vec<u8>> = vec![Vec::new(), Vec::new()];
    let (mut below, mut last) = (Vec::new(), 0);
    for (at, header) in headers.iter().enumerate() {
        let row = at + 1;
        let kind = varint(header.len() * 2 + 12);
        let content = [&varint(kind.len() + 2)[..], &[0], &kind, header].concat();
        let number = u32::try_from(pages.len() + 1).unwrap();
        // See 1.6 of the file format.
        let local = if content.len() <= PAGE - 35 {
            content.len()
        } else {
            let least = (PAGE - 12) * 32 / 255 - 23;
            let kept = least + (content.len() - least) % (PAGE - 4);
            if kept <= PAGE - 35 { kept } else { least }
        };
        let (first, rest) = content.split_at(local);
        let mut cell = [&varint(content.len())[..], &varint(row), first].concat();
        if !rest.is_empty() {
            cell.extend((number + 1).to_be_bytes());
        }
        pages.push(sqlite_page(0, 13, None, &[cell]));
        let parts: Vec<&[u8]> = rest.chunks(PAGE - 4).collect();
        for (at, part) in parts.iter().enumerate() {
            let next = if at + 1 < parts.len() { u32::try_from(pages.len() + 2).unwrap() } else { 0 };
            let mut page = [&next.to_be_bytes(), *part].concat();
            page.resize(PAGE, 0);
            pages.push(page);
        }
        below.push([&number.to_be_bytes()[..], &varint(row)].concat());
        last = number;
    }
    below.pop();
    pages[1] = match headers {
        [] => sqlite_page(0, 13, None, &[]),
        _ => sqlite_page(0, 5, Some(last), &below),
    };
    let free = u32::try_from(pages.len() + 1).unwrap();
    pages.push(vec![0; PAGE]);
    let command = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";
    let kinds = ["table", "Packages", "Packages"].map(|text| varint(text.len() * 2 + 13)).concat();
    let kinds = [&kinds[..], &[1], &varint(command.len() * 2 + 13)].concat();
    let row =
        [&varint(kinds.len() + 1)[..], &kinds, b"tablePackagesPackages", &[2], command.as_bytes()].concat();
    let mut schema = sqlite_page(100, 13, None, &[[&varint(row.len())[..], &[1], &row].concat()]);
    put(&mut schema, 0, b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20\0\0\0\x01");
    for (at, number) in [(28, free), (32, free), (36, 1), (44, 4), (56, 1), (92, 1)] {
        put(&mut schema, at, &number.to_be_bytes());
    }
    pages[0] = schema;
    pages.concat()
}

/// A database of `ndb` with one page of slots.
pub(crate) fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut slots = vec![0; 4096];
    put(&mut slots, 0, b"RpmP");
    put(&mut slots, 12, &1u32.to_le_bytes());
    for slot in slots.chunks_mut(16).skip(2) {
        put(slot, 0, b"Slot");
    }
    let mut blobs: Vec<u8> = Vec::new();
    for (at, header) in headers.iter().enumerate() {
        let package = u32::try_from(at + 1).unwrap();
        let first = u32::try_from((slots.len() + blobs.len()) / 16).unwrap();
        let size = (16 + header.len() + 12).next_multiple_of(16);
        let mut blob =
            [&b"BlbS"[..], &package.to_le_bytes(), &[0; 4], &length(header).to_le_bytes(), header].concat();
        blob.resize(size - 12, 0);
        let checksum = adler32(&blob);
        blob.extend([&checksum.to_le_bytes()[..], &length(header).to_le_bytes(), b"BlbE"].concat());
        let slot = [package, first, u32::try_from(size / 16).unwrap()].map(u32::to_le_bytes).concat();
        put(&mut slots, (at + 2) * 16 + 4, &slot);
        blobs.extend(blob);
    }
    slots.extend(blobs);
    slots
}

/// RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut one, mut two) = (1, 0);
    for byte in bytes {
        one = (one + u32::from(*byte)) % 65521;
        two = (two + one) % 65521;
    }
    two << 16 | one
}

/// A hash table of Berkeley DB: a page that describes it, one with number 0 and the first package, one for each further package, and
/// those with long headers. `big` is the order of bytes of large machines.
pub(crate) fn berkeley(headers: &[Vec<u8>], big: bool) -> Vec<u8> {
    let number16 = |number: usize| {
        let number = u16::try_from(number).unwrap();
        if big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let number32 = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let front = |number: usize, next: usize, entries: usize, free: usize, kind: u8| {
        let mut page = vec![0; PAGE];
        put(&mut page, 8, &number32(number));
        put(&mut page, 16, &number32(next));
        put(&mut page, 20, &number16(entries));
        put(&mut page, 22, &number16(free));
        put(&mut page, 25, &[kind]);
        page
    };
    let mut pages: Vec<Vec<u8>> = vec![Vec::new(); headers.len() + 1];
    for (at, header) in headers.iter().enumerate() {
        let mut value = [&[1], &header[..]].concat();
        if header.len() > PAGE / 4 {
            value = [&[3, 0, 0, 0], &number32(pages.len())[..], &number32(header.len())].concat();
            let parts: Vec<&[u8]> = header.chunks(PAGE - 26).collect();
            for (at, part) in parts.iter().enumerate() {
                let number = pages.len();
                let next = if at + 1 < parts.len() { number + 1 } else { 0 };
                let mut page = front(number, next, 1, part.len(), 7);
                put(&mut page, 26, part);
                pages.push(page);
            }
        }
        let key = |number: usize| [&[1], &number32(number)[..]].concat();
        let counter = [key(0), key(headers.len())].concat();
        let mut items = if at == 0 { vec![counter[..5].to_vec(), counter[5..].to_vec()] } else { Vec::new() };
        items.extend([key(at + 1), value]);
        let free = PAGE - items.iter().map(Vec::len).sum::<usize>();
        let mut page = front(at + 1, 0, items.len(), free, 13);
        let mut end = PAGE;
        for (at, item) in items.iter().enumerate() {
            end -= item.len();
            put(&mut page, end, item);
            put(&mut page, 26 + at * 2, &number16(end));
        }
        pages[at + 1] = page;
    }
    let mut description = front(0, 0, 0, 0, 8);
    for (at, number) in [(12, 0x0006_1561), (16, 9), (20, PAGE), (32, pages.len() - 1)] {
        put(&mut description, at, &number32(number));
    }
    // As many buckets as packages, bucket 0 on page 1 and so on: the last one, two masks, and what to add (32 times) to the number of
    // a bucket for that of its page.
    let (last, mask) = (headers.len().max(1) - 1, headers.len().max(1).next_power_of_two() - 1);
    for (at, number) in [(72, last), (76, mask), (80, mask >> 1)] {
        put(&mut description, at, &number32(number));
    }
    put(&mut description, 96, &number32(1).repeat(32));
    pages[0] = description;
    pages.concat()
}
