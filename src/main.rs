//! The process edge: hands the command line to `cli` and nothing else.

fn main() {}
