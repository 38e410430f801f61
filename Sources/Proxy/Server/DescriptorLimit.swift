internal import Support

/// How many clients the process can hold: at the descriptor limit, accepting would spin at a whole core.
enum DescriptorLimit {
    /// For files, listeners, event loops, name resolution.
    private static let reserve = 64

    /// Raises the soft limit to the hard one and counts two descriptors per stream.
    static func connectionLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
        guard getrlimit(resource, &limit) == 0 else { return 480 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        let available = Int(clamping: min(limit.rlim_cur, 1 << 20))
        return max((available - reserve) / 2, 8)
    }
}
