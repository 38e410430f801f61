internal import Support

/// The descriptor behind the access log. Blocks: for the log's own thread.
struct AccessLogOutput: ~Copyable {
    /// What the operator should hear; a trouble that goes on is told once.
    enum Report: Equatable {
        case fine
        case recovered
        case failed(String)
    }

    private let configPath: String
    private var openPath: String?
    private var descriptor: Int32 = -1
    private var isFailing = false

    init(configPath: String) {
        self.configPath = configPath
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    mutating func write(_ bytes: [UInt8], to target: AccessLog.Target) -> Report {
        let failure: String?
        switch target {
        case .off:
            closeFile()
            failure = nil
        case .standardOutput:
            closeFile()
            failure = Self.failure(of: bytes, to: STDOUT_FILENO).map { "cannot write to standard output: \($0)" }
        case .file(let path):
            failure = open(path) ?? Self.failure(of: bytes, to: descriptor).map { "cannot write \(path): \($0)" }
        }
        defer { isFailing = failure != nil }
        switch (failure, isFailing) {
        case (nil, true): return .recovered
        case (nil, false), (.some, true): return .fine
        case (let failure?, false): return .failed(failure)
        }
    }

    /// Makes sure that the descriptor is the file of this name; that of a file that was moved away is closed.
    ///
    /// - Returns: why it cannot be opened
    private mutating func open(_ path: String) -> String? {
        if descriptor >= 0, openPath == path, FileIdentity(path: path) == FileIdentity(descriptor: descriptor) {
            return nil
        }
        closeFile()
        if let config = FileIdentity(path: configPath), config == FileIdentity(path: path) {
            return "\(path) is the configuration file"
        }
        // A pipe that nobody reads must not hold the thread up for ever.
        descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return "cannot open \(path): \(String(cString: strerror(errno)))" }
        openPath = path
        return nil
    }

    private mutating func closeFile() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        openPath = nil
    }

    /// Waits a second for the reader of a pipe that is full.
    ///
    /// - Returns: why the bytes, or the rest of them, are lost
    private static func failure(of bytes: [UInt8], to descriptor: Int32) -> String? {
        DescriptorIO.write(bytes, to: descriptor, patience: 1_000)?.text
    }
}
