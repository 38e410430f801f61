// swift-tools-version: 6.2
import PackageDescription

// Built by `Fuzz/run`, which adds -sanitize=fuzzer: the library that this sanitizer brings calls the test.
let package = Package(
    name: "podium-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "podium", path: "..")],
    targets: [
        .target(name: "FuzzDriver", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "WireFuzzer", dependencies: ["FuzzDriver", .product(name: "WireOracle", package: "podium")],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "ReaderFuzzer", dependencies: ["FuzzDriver", .product(name: "LLMReaders", package: "podium")],
            swiftSettings: [.swiftLanguageMode(.v6)],
            // gold, which is the default, ends with an error of its own here.
            linkerSettings: [.unsafeFlags(["-use-ld=lld"])]),
    ]
)
