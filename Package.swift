// swift-tools-version: 6.2
import PackageDescription

// `make lint` and CI set PODIUM_STRICT: there a warning is an error. A user with a newer compiler is not held up by it.
let strict = Context.environment["PODIUM_STRICT"] != nil

// `podium --version` names it; the Makefile sets it.
let commit = Context.environment["PODIUM_COMMIT"] ?? ""

let swiftSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// - Parameter data: folders of files that tests read where they lie.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], data: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.init(stringLiteral: name), "TestSupport"] + dependencies, exclude: data,
        swiftSettings: swiftSettings)
}

let package = Package(
    name: "podium",
    products: [
        .executable(name: "podium", targets: ["podium"]),
        .library(
            name: "PodiumPureParts",
            targets: [
                "Ranking", "HTTPWire", "LLMWire", "Coding", "Verdicts", "Persistence", "Configuration", "YAMLDocument",
                "PodiumModel", "Console",
            ]),
        // For the fuzzer, a package of its own.
        .library(name: "WireOracle", targets: ["WireOracle"]),
        .library(name: "LLMReaders", targets: ["LLMWire", "Verdicts", "Conversion"]),
    ],
    // Exact versions, since no Package.resolved is kept: docs/dependencies.md says why.
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CNcurses", providers: [.apt(["libncurses-dev"])]),
        .systemLibrary(
            name: "CLibYAML", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(
            name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CCodecs", providers: [.apt(["zlib1g-dev", "libbrotli-dev", "libzstd-dev"])]),
        .target(name: "CSystemShim"),
        // It loads PostgreSQL's library when a cluster is configured, so that nothing has to be there at build time.
        .target(name: "CPostgres"),
        .target(name: "CBuildInfo", cSettings: [.define("PODIUM_COMMIT", to: "\"\(commit)\"")]),

        library("PureSupport"),
        library("Support", ["PureSupport"]),
        library("Limits"),
        library("Coding", ["CCodecs"]),
        library("PodiumModel", ["PureSupport", "Limits"]),
        library("YAMLDocument", ["PureSupport", "CLibYAML"]),
        library("Configuration", ["Support", "PodiumModel", "YAMLDocument", "Verdicts", "Pricing"]),
        library("Ranking", ["PureSupport"]),
        library("HTTPWire", ["PureSupport"]),
        library("LLMWire", ["Coding"]),
        library("Conversion", ["PureSupport", "LLMWire"]),
        library("Verdicts", ["PureSupport", "LLMWire"]),
        library("Pricing", ["LLMWire", "YAMLDocument"]),
        library("Trends", ["LLMWire"]),
        library("History", ["Support", "LLMWire", "Trends", "CSQLite"]),
        library("Persistence", ["Support", "PodiumModel", "Configuration", "YAMLDocument", "CSystemShim"]),
        library("Cluster"),
        library("ClusterStore", ["Support", "Cluster", "CPostgres"]),
        library("Sockets", ["Support", "CSystemShim", nioCore, deque, heap]),
        library(
            "Proxy",
            [
                "Support", "HTTPWire", "LLMWire", "Coding", "Conversion", "Verdicts", "Ranking", "Limits", "Sockets",
                "CSystemShim", nioCore, nioPosix, nioSSL, nioTLS,
            ]),
        library(
            "Engine",
            [
                "Support", "PureSupport", "PodiumModel", "CSystemShim", "LLMWire", "Proxy", "Sockets", "Persistence",
                "Ranking", "Configuration", "Conversion", "Pricing", "Trends", "History", "Limits", "Cluster",
                "ClusterStore",
                nioCore, nioPosix, histogram, logging,
            ]),
        library(
            "Control",
            [
                "Support", "PodiumModel", "Engine", "Proxy", "Persistence", "Ranking", "Configuration", nioCore,
                nioPosix,
                nioHTTP1,
            ]),
        library("Console", ["PureSupport", "PodiumModel"]),
        library("Terminal", ["Support", "PodiumModel", "Console", "CNcurses", "CSystemShim"]),
        library("Service", ["Support", "CSystemShim", logging]),
        library("Demo", ["Support", nioCore, nioPosix, nioHTTP1]),
        .executableTarget(
            name: "podium",
            dependencies: [
                "PodiumModel", "Control", "Engine", "Proxy", "Persistence", "Ranking", "Configuration", "Console",
                "Terminal", "Service", "Demo", "Support", "CBuildInfo", "ClusterStore", argumentParser, logging,
            ],
            swiftSettings: swiftSettings),

        // Podium encodes nothing; tests do.
        .systemLibrary(
            name: "CBrotliEncoder", path: "Tests/CBrotliEncoder", providers: [.apt(["libbrotli-dev"])]),
        .target(
            name: "TestSupport",
            dependencies: ["Support", "PureSupport", "CCodecs", "CBrotliEncoder", nioCore, nioPosix],
            path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .target(
            name: "WireOracle", dependencies: ["HTTPWire", nioHTTP1], path: "Tests/WireOracle",
            swiftSettings: swiftSettings),
        tests("Cluster", ["PureSupport"]),
        tests("Limits"),
        tests("Coding"),
        tests("PodiumModel"),
        tests("YAMLDocument"),
        tests("Configuration", ["PodiumModel", "YAMLDocument", "Verdicts", "Pricing"]),
        tests("Ranking", ["PureSupport"]),
        tests("PureSupport"),
        tests("Support"),
        tests("Persistence", ["PodiumModel", "Configuration", "YAMLDocument"]),
        tests("HTTPWire", ["WireOracle"]),
        tests("LLMWire", ["Coding"], data: ["Vectors"]),
        tests("Pricing", ["LLMWire"], data: ["Vectors"]),
        tests("History", ["LLMWire", "Pricing", "Support", "Trends"]),
        tests("Trends", ["LLMWire"], data: ["Vectors"]),
        tests("Conversion", ["LLMWire"]),
        tests("Verdicts", ["LLMWire"]),
        tests("Sockets", ["Support", nioCore]),
        tests("Proxy", ["Support", "Coding", "Sockets", nioCore, nioPosix, nioSSL, nioEmbedded]),
        tests(
            "Engine",
            [
                "PodiumModel", "Proxy", "Ranking", "Configuration", "Persistence", "LLMWire", "Pricing", "Trends",
                "History", "Cluster",
            ]),
        tests(
            "Control",
            [
                "PodiumModel", "Engine", "Configuration", "Proxy", "Ranking", "Persistence", nioCore, nioHTTP1, logging,
            ],
            data: ["Older"]),
        tests("Console", ["PodiumModel"]),
        tests("Terminal", ["Support", "PodiumModel", "Console"]),
        tests("Service", [logging]),
        tests("podium", ["PodiumModel", "Console", "Control", "Engine", "Configuration", logging]),
        tests("Demo"),
    ]
)
