//! End to end, one module a subject.

mod peers;
