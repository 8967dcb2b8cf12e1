//! The binary. Everything is in the library, so that the documentation is generated from the same definitions.

use std::process::ExitCode;

fn main() -> ExitCode {
    weighbridge::main()
}
