//! The only room that knows SQL: SQLite and PostgreSQL behind the same repositories.
