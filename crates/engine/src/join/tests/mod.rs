//! Facts in, edges out. See [`text`] for how both are written.

mod bom;
mod disagree;
mod locks;
mod manifests;
mod native;
mod places;
mod system;
mod text;
mod wheels;
