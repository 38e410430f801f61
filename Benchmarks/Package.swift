// swift-tools-version: 6.2
import PackageDescription

func suite(_ name: String) -> Target {
    .executableTarget(
        name: name,
        dependencies: [
            .product(name: "Benchmark", package: "benchmark"), .product(name: "PodiumPureParts", package: "podium"),
        ],
        path: "Benchmarks/\(name)",
        swiftSettings: [.swiftLanguageMode(.v6)],
        plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
}

let package = Package(
    name: "podium-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "podium", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        suite("RankingBenchmarks"),
        // Its figures are ratios of whole saves, so it prints a table of its own.
        .executableTarget(
            name: "PersistenceBenchmarks",
            dependencies: ["WholeDocument", .product(name: "PodiumPureParts", package: "podium")],
            path: "Benchmarks/PersistenceBenchmarks", swiftSettings: [.swiftLanguageMode(.v6)]),

        .target(name: "AllocationCounter", path: "Benchmarks/AllocationCounter"),
        .executableTarget(
            name: "RankingAllocations",
            dependencies: ["AllocationCounter", .product(name: "PodiumPureParts", package: "podium")],
            path: "Benchmarks/RankingAllocations", swiftSettings: [.swiftLanguageMode(.v6)]),

        .executableTarget(
            name: "ReaderBenchmarks",
            dependencies: ["AllocationCounter", .product(name: "PodiumPureParts", package: "podium")],
            path: "Benchmarks/ReaderBenchmarks", swiftSettings: [.swiftLanguageMode(.v6)]),

        .target(
            name: "WholeDocument", path: "oracle/WholeDocument", linkerSettings: [.linkedLibrary("yaml")]),
        .executableTarget(
            name: "SpliceOracle",
            dependencies: ["WholeDocument", .product(name: "PodiumPureParts", package: "podium")],
            path: "oracle/SpliceOracle", swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)
