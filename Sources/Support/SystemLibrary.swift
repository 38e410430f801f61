/// The C library, for the whole package.
///
/// Podium is a program for Linux (x86-64 and arm64) with glibc. This is the only file that says so: all others import
/// `Support`, and what another C library would need is decided here.
@_exported public import Glibc
