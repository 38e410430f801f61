import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Processor time and memory of this process, for the console's header.
final class ProcessUsage: Sendable {
    struct Sample {
        /// Fraction of one core since the sample before.
        var cpu: Double?
        var residentBytes: UInt64?
    }

    private struct Last {
        var at: ContinuousClock.Instant
        var processorSeconds: Double
    }

    private let last = Mutex<Last?>(nil)

    func sample() -> Sample {
        var usage = rusage()
        #if canImport(Glibc)
            let who = __rusage_who_t(RUSAGE_SELF.rawValue)
        #else
            let who = RUSAGE_SELF
        #endif
        guard getrusage(who, &usage) == 0 else {
            return Sample()
        }
        let now = ContinuousClock.now
        let spent = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        let cpu: Double? = last.withLock { last in
            defer { last = Last(at: now, processorSeconds: spent) }
            guard let before = last else {
                return nil
            }
            let elapsed = (now - before.at) / .seconds(1)
            return elapsed > 0 ? max(0, (spent - before.processorSeconds) / elapsed) : nil
        }
        return Sample(cpu: cpu, residentBytes: Self.residentBytes())
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    /// Second field of statm, in pages; nil where there is no /proc.
    private static func residentBytes() -> UInt64? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return nil
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else {
            return nil
        }
        let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? UInt64(fields[1]).map { $0 * UInt64(sysconf(Int32(_SC_PAGESIZE))) } : nil
    }
}
