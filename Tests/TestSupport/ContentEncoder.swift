internal import CBrotliEncoder
internal import CCodecs

/// Bodies with a content coding, as clients and endpoints send them.
public enum ContentEncoder: String, CaseIterable, Sendable {
    case gzip
    case deflate
    /// deflate as some send it: without zlib's header.
    case rawDeflate
    case brotli
    case zstd

    /// What `Content-Encoding` says of it.
    public var name: String {
        switch self {
        case .gzip: "gzip"
        case .deflate, .rawDeflate: "deflate"
        case .brotli: "br"
        case .zstd: "zstd"
        }
    }

    /// The body, encoded as a whole.
    public func encode(_ plain: [UInt8]) -> [UInt8] {
        switch self {
        case .gzip: Self.deflated(plain, windowBits: 15 + 16)
        case .deflate: Self.deflated(plain, windowBits: 15)
        case .rawDeflate: Self.deflated(plain, windowBits: -15)
        case .brotli:
            [UInt8](unsafeUninitializedCapacity: BrotliEncoderMaxCompressedSize(plain.count) + 16) { buffer, count in
                count = buffer.count
                let isDone = BrotliEncoderCompress(
                    5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, plain.count, plain, &count, buffer.baseAddress)
                precondition(isDone == BROTLI_TRUE)
            }
        case .zstd:
            [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(plain.count)) { buffer, count in
                count = ZSTD_compress(buffer.baseAddress, buffer.count, plain, plain.count, 3)
                precondition(ZSTD_isError(count) == 0)
            }
        }
    }

    private static func deflated(_ plain: [UInt8], windowBits: Int32) -> [UInt8] {
        var plain = plain
        var stream = z_stream()
        precondition(podium_deflate_init(&stream, 6, windowBits) == Z_OK)
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(plain.count)))
        return plain.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                precondition(CCodecs.deflate(&stream, Z_FINISH) == Z_STREAM_END)
                count = buffer.count - Int(stream.avail_out)
            }
        }
    }
}
