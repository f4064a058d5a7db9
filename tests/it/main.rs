//! x

mod schema;
