//! 7z archives: rows 13, 14, 16 and 33.

use super::build::seven::{Archive as SevenZip, Folder, Item, Kind};
use super::build::{Archive, attack, plain};
use super::{Case, dangerous, flagged, harmless, incomplete};

const SAYS: &str = "posix.system(\"id\")";

/// An archive as 7-Zip writes it by default: one stream of LZMA2 and a packed header.
fn usual(files: &[(&str, &[u8])]) -> Vec<u8> {
    SevenZip::usual(files).bytes()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        // --- 13: two lists of one archive
        dangerous(13, "7z-behind-the-archive", SAYS, "model.7z", || {
            [usual(&[("a.pkl", &plain())]), attack()].concat()
        }),
        dangerous(13, "7z-between-stream-and-header", SAYS, "model.7z", || {
            SevenZip::usual(&[("a.pkl", &plain())]).but(|archive| archive.gap = attack()).bytes()
        }),
        dangerous(13, "7z-wrong-checksums", SAYS, "model.7z", || {
            let mut bytes = usual(&[("a.pkl", &attack())]);
            bytes[8] ^= 1;
            bytes[28] ^= 1;
            bytes
        }),
        dangerous(13, "7z-second-file-of-one-name", SAYS, "model.7z", || {
            usual(&[("a.pkl", &plain()), ("a.pkl", &attack())])
        }),
        // --- 14: wrong and missing extensions
        dangerous(14, "7z-as-checkpoint", SAYS, "pytorch_model.bin", || usual(&[("data.pkl", &attack())])),
        flagged(
            14,
            "7z-as-safetensors",
            ("WB-A001", "is a 7z archive, not safetensors"),
            "a.safetensors",
            || usual(&[("data.pkl", &attack())]),
        ),
        // --- 16: packed and nested containers
        dangerous(16, "7z-lzma2", SAYS, "model.7z", || {
            usual(&[("readme.txt", b"hello"), ("a.pkl", &attack())])
        }),
        dangerous(16, "7z-lzma", SAYS, "model.7z", || {
            SevenZip::new(&["a.pkl"], Folder::lzma(&[&attack()], 1 << 20)).bytes()
        }),
        dangerous(16, "7z-not-packed", SAYS, "model.7z", || {
            SevenZip::new(&["a.pkl"], Folder::copy(&[&attack()])).bytes()
        }),
        dangerous(16, "7z-last-of-a-solid-stream", SAYS, "model.7z", || {
            let plain = plain();
            let names: Vec<String> = (0..50).map(|number| format!("{number}.pkl")).collect();
            let mut files: Vec<(&str, &[u8])> =
                names.iter().map(|name| (name.as_str(), &plain[..])).collect();
            let attack = attack();
            files.push(("z", &attack));
            usual(&files)
        }),
        dangerous(16, "7z-in-zip-in-7z", SAYS, "model.7z", || {
            let inner = usual(&[("a.pkl", &attack())]);
            let zip = Archive::default().stored("inner.dat", &inner).bytes();
            usual(&[("outer.dat", &zip)])
        }),
        dangerous(16, "7z-second-stream", SAYS, "model.7z", || {
            SevenZip {
                folders: vec![Folder::lzma2(&[&plain()]), Folder::copy(&[&attack()])],
                ..SevenZip::new(&["a.pkl", "b.pkl"], Folder::copy(&[]))
            }
            .bytes()
        }),
        dangerous(16, "7z-no-name", SAYS, "model.7z", || usual(&[("", &attack())])),
        // The first stream cannot be read; the second one is all the same.
        dangerous(16, "7z-beside-an-encrypted-stream", SAYS, "model.7z", || {
            SevenZip {
                folders: vec![
                    Folder::simple(&[6, 0xf1, 7, 1], &[b"secret"], b"secret".to_vec()),
                    Folder::copy(&[&attack()]),
                ],
                ..SevenZip::new(&["a.pkl", "b.pkl"], Folder::copy(&[]))
            }
            .bytes()
        }),
        incomplete(16, "7z-encrypted", "encrypted", "model.7z", || {
            SevenZip::new(&["a.pkl"], Folder::simple(&[6, 0xf1, 7, 1], &[b"secret"], b"secret".to_vec()))
                .bytes()
        }),
        incomplete(16, "7z-unknown-method", "the packing method PPMd", "model.7z", || {
            SevenZip::new(&["a.pkl"], Folder::simple(&[3, 4, 1], &[b"packed"], b"packed".to_vec())).bytes()
        }),
        incomplete(16, "7z-broken-stream", "breaks the rules of its method", "model.7z", || {
            let broken = Folder { packed: vec![vec![0xff; 40]], ..Folder::lzma2(&[&plain()]) };
            SevenZip::new(&["a.pkl"], broken).bytes()
        }),
        harmless(16, "7z-plain-model", "model.7z", || {
            usual(&[("model/a.pkl", &plain()), ("model/config.json", b"{}"), ("model/empty.txt", b"")])
        }),
        harmless(16, "7z-with-links-and-folders", "model.7z", || {
            SevenZip::usual(&[("model/latest.pkl", b"../model/a.pkl"), ("model/a.pkl", &plain())])
                .but(|archive| archive.items[0] = Item::mode("model/latest.pkl", 0o120_777))
                .but(|archive| archive.items.insert(0, Item::of("model", Kind::Folder)))
                .but(|archive| archive.items.push(Item::of("model/__init__.py", Kind::Empty)))
                .bytes()
        }),
        harmless(16, "7z-of-text-that-names-an-attack", "notes.7z", || {
            usual(&[("notes.md", b"do not load `cposix\nsystem\n(S'id'\ntR.` with pickle")])
        }),
        // --- 33: the scanner as target
        incomplete(33, "7z-bomb", "unpacked bytes per packed byte", "model.7z", || {
            usual(&[("a.pkl", &vec![b'N'; 64 << 20])])
        }),
        incomplete(33, "7z-of-endless-size", "ends early", "model.7z", || {
            let most = 1 << 60;
            let endless = Folder { sizes: vec![most], parts: vec![most], ..Folder::copy(&[&plain()]) };
            SevenZip::new(&["a.pkl"], endless).bytes()
        }),
    ]
}
