/// The C library, for the whole package.
///
/// Podium is a program for Linux (x86-64 and arm64) with glibc. This is the only file that says so: all others import
/// `Support`, and what another C library would need is decided here.
@_exported public import Glibc

/// What needs no C library lies in a module of its own, so that the modules without I/O can use it and the compiler holds them
/// to that. A target that imports `Support` has it as well.
@_exported public import PureSupport
