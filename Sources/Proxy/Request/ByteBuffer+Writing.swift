internal import HTTPWire
internal import NIOCore

extension ByteBuffer {
    /// The same as `writeBytes`, which goes a long way round for a few bytes.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        writeInPlace(atMost: bytes.count) { target in
            target.copyMemory(from: bytes)
            return bytes.count
        }
    }

    mutating func writeChunkSize(_ size: Int) {
        writeInPlace(atMost: 20) { target in
            var writer = WireWriter(target)
            writer.write(hexadecimal: UInt64(size))
            writer.write("\r\n")
            return writer.count
        }
    }

    /// The same as `writeWithUnsafeMutableBytes`, without the slice of a slice that it makes of the storage first.
    ///
    /// - Parameters:
    ///   - bound: bytes that there is room for
    ///   - body: fills the beginning of what it gets, and returns how many bytes it has written
    @inline(__always)
    mutating func writeInPlace(atMost bound: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        reserveCapacity(minimumWritableBytes: bound)
        let start = writerIndex
        let count = withVeryUnsafeMutableBytes { storage in
            guard let base = storage.baseAddress else { return 0 }
            return body(UnsafeMutableRawBufferPointer(start: base + start, count: storage.count - start))
        }
        moveWriterIndex(forwardBy: count)
    }
}

extension WireWriter {
    /// Writes the field that says where the body ends, if there is one.
    @inline(__always)
    mutating func write(_ framing: BodyFraming) {
        switch framing {
        case .length(let length):
            write("Content-Length: ")
            write(decimal: length)
            write("\r\n")
        case .chunked: write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
    }
}
