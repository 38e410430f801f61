internal import Conversion
internal import HTTPWire
internal import NIOCore
internal import Support

/// Rewrites the body of an answer as the client's API has it. A class, since few answers have one.
final class ConvertedAnswer {
    private let conversion: AnswerConversion
    private var output: [UInt8] = []

    /// - Parameter isStream: whether the endpoint's answer is one; nil: the first byte tells
    init(_ plan: AnswerPlan, isStream: Bool?) {
        conversion = AnswerConversion(plan, isStream: isStream)
    }

    /// Whether the client gets a stream.
    var isStream: Bool { conversion.isStream }

    /// As the client's is.
    var contentType: StaticString { isStream ? "text/event-stream; charset=utf-8" : "application/json" }

    /// What the endpoint sends is no answer.
    var isNonsense: Bool { if case .refused = conversion.state { true } else { false } }

    /// The client was told within the stream that it has failed.
    var hasSaidFailure: Bool { if case .failed = conversion.state { true } else { false } }

    /// - Parameters:
    ///   - ranges: of the data in the buffer; those of the result afterwards
    ///   - isLast: the body ends with them, as it should
    func convert(_ buffer: ByteBuffer, _ ranges: inout ContiguousArray<Range<Int>>, isLast: Bool) -> ByteBuffer {
        output.removeAll(keepingCapacity: true)
        buffer.withUnsafeReadableBytes { bytes in
            for range in ranges { conversion.read(bytes.slice(range), into: &output) }
        }
        if isLast { conversion.finish(into: &output) }
        ranges.removeAll(keepingCapacity: true)
        if !output.isEmpty { ranges.append(0..<output.count) }
        return ByteBuffer(bytes: output)
    }

    /// Its end is that of the connection.
    func rest() -> ByteBuffer {
        output.removeAll(keepingCapacity: true)
        conversion.finish(into: &output)
        return ByteBuffer(bytes: output)
    }
}
