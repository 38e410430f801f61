import Foundation
import FuzzDriver
import WireOracle

/// libFuzzer calls this with each input. A disagreement that nobody has explained stops it as a crash does, and the
/// input is kept.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = WireInput(UnsafeRawBufferPointer(start: start, count: count))
    if case .unexplained(let difference) = Comparison.judge(input) {
        let report = "UNEXPLAINED \(difference)\n\(Comparison.explanation(input))\n"
        FileHandle.standardError.write(Data(report.utf8))
        fatalError("a disagreement that is neither mended nor documented")
    }
    return 0
}

/// SwiftPM wants a main function of this module, though libFuzzer has one.
@main
enum WireFuzzer {
    static func main() throws {
        let options = CommandLine.arguments.dropFirst()
        if options.first == "--explain" {
            for path in options.dropFirst() { try explain(path) }
            return
        }
        runFuzzer { testOneInput($0, $1) }
    }

    private static func explain(_ path: String) throws {
        let file = try Data(contentsOf: URL(filePath: path))
        let input = file.withUnsafeBytes { WireInput($0) }
        print("\(path)\n\(Comparison.judge(input))\n\(Comparison.explanation(input))\n")
    }
}
