import Configuration

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The operator's file as it was read at start.
struct ConfigurationFile {
    let path: String
    let bytes: [UInt8]
    let loaded: LoadedConfiguration

    struct ReadError: Error, CustomStringConvertible {
        let description: String
    }

    init(path: String) throws(ReadError) {
        self.path = path
        bytes = try Self.read(path)
        loaded = ConfigurationLoader.load(bytes: bytes, environment: Self.environment)
    }

    static let environment: [String: String] = {
        var result: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return result
    }()

    private static let limit = 16 << 20

    private static func read(_ path: String) throws(ReadError) -> [UInt8] {
        // Without O_NONBLOCK a FIFO in the file's place would hang the start.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw ReadError(description: "\(path): \(reason(errno, path))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ReadError(description: "\(path): is not a regular file; name the configuration with --config FILE")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR {
                    continue
                }
                throw ReadError(description: "\(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 {
                return bytes
            }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else {
                throw ReadError(description: "\(path): is larger than 16 MiB")
            }
        }
    }

    private static func reason(_ code: Int32, _ path: String) -> String {
        let text = String(cString: strerror(code))
        guard code == ENOENT else {
            return text
        }
        return text + "; copy config.yaml.example to start one, name another with --config FILE, "
            + "or see `podium demo` first"
    }
}
