//! The permission to open a connection.

/// Permission to open a connection. There is one way to get it, and it asks whether the scan is offline.
#[derive(Clone, Copy, Debug)]
pub struct Online(());

impl Online {
    /// The permission, unless the user wants to stay offline.
    pub fn unless(offline: bool) -> Option<Self> {
        (!offline).then_some(Self(()))
    }
}
