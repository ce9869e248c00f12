//! Faults of the PostgreSQL engine.
