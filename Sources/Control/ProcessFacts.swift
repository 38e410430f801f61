internal import PodiumModel
internal import Support

/// What the system says of this process. Figures that only Linux tells are nil elsewhere.
struct ProcessFacts: Sendable {
    var pid = getpid()
    var cpuSeconds: Double?
    var residentBytes: UInt64?
    var virtualBytes: UInt64?
    var openDescriptors: Int?
    var maxDescriptors: UInt64?

    static func now(withDescriptors: Bool = false) -> ProcessFacts {
        var facts = ProcessFacts()
        facts.cpuSeconds = processorSeconds()
        let page = UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        let sizes = (firstLine(of: "/proc/self/statm") ?? "").split(separator: " ").prefix(2).compactMap { UInt64($0) }
        if sizes.count == 2 {
            facts.virtualBytes = sizes[0] * page
            facts.residentBytes = sizes[1] * page
        }
        if withDescriptors {
            facts.openDescriptors = entries(of: "/proc/self/fd")
            facts.maxDescriptors = descriptorLimit()
        }
        return facts
    }

    private static func processorSeconds() -> Double? {
        var usage = rusage()
        let who = __rusage_who_t(RUSAGE_SELF.rawValue)
        guard getrusage(who, &usage) == 0 else {
            return nil
        }
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    private static func descriptorLimit() -> UInt64? {
        var limit = rlimit()
        let which = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        return getrlimit(which, &limit) == 0 ? UInt64(limit.rlim_cur) : nil
    }

    private static func firstLine(of path: String) -> String? {
        guard let bytes = try? DescriptorIO.contents(of: path, limit: 4_096), !bytes.isEmpty else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func entries(of folder: String) -> Int? {
        guard let directory = opendir(folder) else {
            return nil
        }
        defer { closedir(directory) }
        // `.`, `..`, and the descriptor that the counting itself takes.
        var count = -3
        while readdir(directory) != nil {
            count += 1
        }
        return count
    }
}

/// What the program knows about itself and the engine does not.
public struct ServerFacts: Sendable {
    /// Such as `0.2.0`.
    public var version: String
    /// Whether endpoints and traffic are simulated.
    public var isDemo: Bool

    public init(version: String, isDemo: Bool) {
        self.version = version
        self.isDemo = isDemo
    }
}

extension Snapshot.Server {
    /// Adds what the engine does not know.
    mutating func add(_ process: ProcessFacts, _ facts: ServerFacts) {
        version = facts.version
        isDemo = facts.isDemo
        pid = process.pid
        cpuSeconds = process.cpuSeconds
        residentBytes = process.residentBytes
    }
}
