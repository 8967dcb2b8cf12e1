//! Models as people save them every day.

use super::build::plain;
use super::{Case, ORDINARY, harmless};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        harmless(ORDINARY, "a-dictionary", "model.pkl", plain),
        harmless(ORDINARY, "a-dictionary-as-sav", "model.sav", plain),
    ]
}
