//! Files of data sets: which they are.

pub mod dataset;
