//! Fuzz targets; they run as tests.
