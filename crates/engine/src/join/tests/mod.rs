//! Facts in, edges out. See [`text`] for how both are written.

mod locks;
mod manifests;
mod places;
mod text;
