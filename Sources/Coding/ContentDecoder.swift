internal import CCodecs

/// Undoes content codings piece by piece, for bodies that have to be read while they go through.
///
/// Where the pieces are cut makes no difference. Memory does not grow with the stream: a buffer of 16 KiB for each
/// coding, and the window that the coding itself needs (32 KiB, up to 8 MiB with zstd and 16 MiB with brotli). A few bytes can
/// stand for gigabytes, so the budget bounds what comes out, also of the codings inside.
///
/// For one thread at a time. After an error it does nothing but throw the same one again.
public final class ContentDecoder {
    /// No decoded piece is larger.
    public static let largestPiece = 16 << 10

    /// The last coding that was applied comes first.
    private let stages: [any DecodingStage]
    private var failure: DecodingError?
    private let perPiece: Int
    /// What has come out of all codings for the present piece.
    private var passed = 0

    /// - Parameters:
    ///   - budget: how many bytes may come out at most
    ///   - perPiece: how many bytes may come out at most for one piece that goes in, those between two codings included: other connections
    ///     wait while they do
    public init(_ codings: ContentCodings, budget: Int, perPiece: Int = .max) throws(DecodingError) {
        self.perPiece = perPiece
        var stages: [any DecodingStage] = []
        for coding in codings.codings.reversed() {
            switch coding {
            case .gzip, .deflate: stages.append(try InflateStage(coding, budget: budget))
            case .brotli: stages.append(try BrotliStage(budget: budget))
            case .zstd: stages.append(try ZstdStage(budget: budget))
            }
        }
        self.stages = stages
    }

    /// - Parameter body: gets what came out, in pieces of at most ``largestPiece`` bytes that are gone when it returns.
    ///   It may have got some before an error is thrown.
    public func decode(
        _ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(DecodingError) {
        if let failure { throw failure }
        passed = 0
        do throws(DecodingError) {
            try decode(piece, from: 0, body)
        } catch {
            failure = error
            throw error
        }
    }

    /// Bytes that it has taken for itself by now: many streams at once may have to share a limit.
    public var memory: Int { stages.reduce(0) { $0 + Self.largestPiece + $1.memory } }

    /// The body has ended.
    ///
    /// A body of no bytes at all is taken for complete: a header that names a coding also stands on empty bodies.
    public func finish() throws(DecodingError) {
        if let failure { throw failure }
        for stage in stages where !stage.isComplete {
            failure = .truncated(stage.coding)
            throw .truncated(stage.coding)
        }
    }

    private func decode(
        _ piece: UnsafeRawBufferPointer, from index: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(DecodingError) {
        guard index < stages.count else { return body(piece) }
        try stages[index].decode(piece) { output throws(DecodingError) in
            self.passed += output.count
            guard self.passed <= self.perPiece else { throw .tooLarge }
            try self.decode(output, from: index + 1, body)
        }
    }
}

/// One coding of a body. C's pointers stay in the classes below.
private protocol DecodingStage: AnyObject {
    var coding: ContentCoding { get }
    /// The body may end here.
    var isComplete: Bool { get }
    /// Bytes that its library has taken.
    var memory: Int { get }

    func decode(
        _ piece: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError)
}

/// Where a stage's output goes, and how much more may come.
private struct OutputBuffer: ~Copyable {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: ContentDecoder.largestPiece, alignment: 16)
    private var budget: Int

    init(budget: Int) {
        self.budget = budget
    }

    deinit {
        bytes.deallocate()
    }

    /// Hands on the first bytes of the buffer.
    mutating func pass(
        _ count: Int, to next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        guard count > 0 else { return }
        guard count <= budget else { throw .tooLarge }
        budget -= count
        try next(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
}

/// gzip, and what HTTP calls deflate.
private final class InflateStage: DecodingStage {
    private enum Position {
        /// Nothing has come yet.
        case start
        case inside
        /// A gzip member is complete: another may follow.
        case end
    }

    let coding: ContentCoding
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var output: OutputBuffer
    private var position = Position.start
    /// Of deflate the first byte, until the second one is there: together they say whether zlib's header is around it.
    private var firstByte: UInt8?

    init(_ coding: ContentCoding, budget: Int) throws(DecodingError) {
        self.coding = coding
        output = OutputBuffer(budget: budget)
        stream.initialize(to: z_stream())
        // 15: the largest window. 16 more: gzip's header, and no other.
        guard podium_inflate_init(stream, coding == .gzip ? 15 + 16 : 15) == Z_OK else { throw .outOfMemory }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    var isComplete: Bool { position != .inside && firstByte == nil }

    /// zlib's state and its window, which is 32 KiB.
    let memory = 40 << 10

    func decode(
        _ piece: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        guard coding == .deflate, position == .start, let byte = piece.first else { return try inflate(piece, next) }
        guard let firstByte else {
            guard piece.count > 1 else {
                firstByte = byte
                return
            }
            try chooseFormat(byte, piece[1])
            return try inflate(piece, next)
        }
        self.firstByte = nil
        try chooseFormat(firstByte, byte)
        try withUnsafeBytesOf(firstByte) { bytes throws(DecodingError) in try self.inflate(bytes, next) }
        try inflate(piece, next)
    }

    private func withUnsafeBytesOf(
        _ byte: UInt8, _ body: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { copy.deallocate() }
        copy[0] = byte
        try body(UnsafeRawBufferPointer(copy))
    }

    /// deflate is meant to have zlib's header around it; some senders leave it out, as all readers put up with.
    private func chooseFormat(_ first: UInt8, _ second: UInt8) throws(DecodingError) {
        let hasHeader = first & 0x0F == 8 && (UInt(first) << 8 | UInt(second)) % 31 == 0
        guard !hasHeader else { return }
        guard inflateReset2(stream, -15) == Z_OK else { throw .outOfMemory }
    }

    private func inflate(
        _ piece: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        var rest = piece[...]
        while !rest.isEmpty {
            // zlib counts in 32 bits.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            rest = rest.dropFirst(part.count)
            stream.pointee.next_in = UnsafeMutablePointer(mutating: part.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(part.count)
            try inflate(next)
        }
    }

    /// Until all input is taken and the buffer was not filled, so that nothing waits inside.
    private func inflate(
        _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        var isFull = false
        while stream.pointee.avail_in > 0 || isFull {
            if position == .end {
                guard coding == .gzip, inflateReset(stream) == Z_OK else { throw .corrupt(coding) }
            }
            position = .inside
            let size = output.bytes.count
            stream.pointee.next_out = output.bytes.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(size)
            let result = CCodecs.inflate(stream, Z_NO_FLUSH)
            let count = size - Int(stream.pointee.avail_out)
            isFull = count == size
            try output.pass(count, to: next)
            switch result {
            case Z_OK: break
            case Z_STREAM_END:
                position = .end
                isFull = false
            // There was nothing left to be done.
            case Z_BUF_ERROR: isFull = false
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .corrupt(coding)
            }
        }
    }
}

private final class BrotliStage: DecodingStage {
    let coding = ContentCoding.brotli
    private let state: OpaquePointer
    /// C counts here.
    private let counter = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    private var output: OutputBuffer
    private var hasBegun = false
    private var hasEnded = false

    init(budget: Int) throws(DecodingError) {
        counter.initialize(to: 0)
        guard let state = podium_brotli_create(counter) else {
            counter.deallocate()
            throw .outOfMemory
        }
        self.state = state
        output = OutputBuffer(budget: budget)
    }

    deinit {
        BrotliDecoderDestroyInstance(state)
        counter.deallocate()
    }

    var memory: Int { counter.pointee }

    var isComplete: Bool { hasEnded || !hasBegun }

    func decode(
        _ piece: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        guard !piece.isEmpty else { return }
        guard !hasEnded else { throw .corrupt(coding) }
        hasBegun = true
        var available = piece.count
        var input = piece.bindMemory(to: UInt8.self).baseAddress
        while true {
            var space = output.bytes.count
            var target = output.bytes.bindMemory(to: UInt8.self).baseAddress
            let result = BrotliDecoderDecompressStream(state, &available, &input, &space, &target, nil)
            try output.pass(output.bytes.count - space, to: next)
            switch result {
            case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: continue
            case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
                guard BrotliDecoderHasMoreOutput(state) != 0 else { return }
            case BROTLI_DECODER_RESULT_SUCCESS:
                hasEnded = true
                guard available == 0 else { throw .corrupt(coding) }
                return
            default: throw isOutOfMemory ? .outOfMemory : .corrupt(coding)
            }
        }
    }

    private var isOutOfMemory: Bool {
        let code = BrotliDecoderGetErrorCode(state)
        return code.rawValue <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES.rawValue
            && code.rawValue >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES.rawValue
    }
}

private final class ZstdStage: DecodingStage {
    /// RFC 9659 bounds the window of bodies to 8 MiB.
    private static let largestWindow: Int32 = 23

    let coding = ContentCoding.zstd
    private let context: OpaquePointer
    private var output: OutputBuffer
    /// A frame is complete, or none has begun.
    private(set) var isComplete = true

    init(budget: Int) throws(DecodingError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        self.context = context
        output = OutputBuffer(budget: budget)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.largestWindow)
    }

    deinit {
        ZSTD_freeDCtx(context)
    }

    var memory: Int { ZSTD_sizeof_DCtx(context) }

    func decode(
        _ piece: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) throws(DecodingError) -> Void
    ) throws(DecodingError) {
        var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
        var isFull = false
        while input.pos < input.size || isFull {
            var target = ZSTD_outBuffer(dst: output.bytes.baseAddress, size: output.bytes.count, pos: 0)
            let result = ZSTD_decompressStream(context, &target, &input)
            try output.pass(target.pos, to: next)
            guard ZSTD_isError(result) == 0 else {
                switch ZSTD_getErrorCode(result) {
                case ZSTD_error_memory_allocation: throw .outOfMemory
                case ZSTD_error_frameParameter_windowTooLarge: throw .tooLarge
                default: throw .corrupt(coding)
                }
            }
            // 0: a frame has ended and all of it has come out. Another may follow.
            isComplete = result == 0
            isFull = target.pos == target.size && !isComplete
        }
    }
}
