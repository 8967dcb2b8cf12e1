//! Archives, packed files and names: rows 13, 14, 16, 17 and 33.

use super::build::{Archive, attack, plain};
use super::{Case, dangerous, flagged, harmless, incomplete};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        // --- 13: zip archives that lie
        dangerous(13, "wrong-checksum", "posix.system(\"id\")", "model.pt", || {
            let lie = |archive: &mut Archive| archive.members[0].central().checksum ^= 1;
            Archive::default().stored("archive/data.pkl", &attack()).but(lie).bytes()
        }),
        harmless(13, "plain-checkpoint", "model.pt", || {
            Archive::default().stored("archive/data.pkl", &plain()).stored("archive/version", b"3\n").bytes()
        }),
        // --- 14: wrong and missing extensions
        flagged(
            14,
            "pickle-as-safetensors",
            ("WB-A001", "is a pickle, not safetensors"),
            "a.safetensors",
            attack,
        ),
        dangerous(14, "no-extension", "posix.system(\"id\")", "weights", attack),
        dangerous(14, "blob-behind-a-link", "posix.system(\"id\")", "blobs/4f2a", attack)
            .link("snapshots/main/pytorch_model.bin", "../../blobs/4f2a")
            .beside("snapshots/main/config.json", || b"{}".to_vec()),
        // --- 33: the scanner as target
        incomplete(33, "packed-twice-bomb", "unpacked bytes per packed byte", "model.npz", || {
            let inner = Archive::default().deflated("data.pkl", &vec![b'N'; 64 << 20]).bytes();
            Archive::default().deflated("inner.zip", &inner).bytes()
        }),
    ]
}
