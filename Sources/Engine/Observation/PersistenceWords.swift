public import Persistence

internal import Support

extension PersistenceError {
    /// Short and symbolic, for tables: `ENOSPC`, `LOCKED`, `REFUSED`.
    public var symbol: String {
        switch self {
        case .locked: "LOCKED"
        case .system(_, _, let code), .durabilityUnknown(let code): errnoSymbol(code)
        case .refused(let refusal): refusal.errnoValue.map(errnoSymbol) ?? "REFUSED"
        case .closed: "CLOSED"
        }
    }
}

extension PersistenceError {
    /// The name of an errno that a write can meet, such as `ENOSPC`; others as `errno 5`.
    public static func symbol(ofErrno code: Int32) -> String {
        errnoSymbol(code)
    }
}

extension Refusal {
    fileprivate var errnoValue: Int32? {
        switch self {
        case .attributesNotKept(_, _, let code), .needsInPlace(_, let code): code
        default: nil
        }
    }
}

/// The names that a write can meet; others as numbers.
private func errnoSymbol(_ code: Int32) -> String {
    let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", EBADF: "EBADF", EAGAIN: "EAGAIN",
        ENOMEM: "ENOMEM", EACCES: "EACCES", EBUSY: "EBUSY", EEXIST: "EEXIST", EXDEV: "EXDEV", ENODEV: "ENODEV",
        ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL", ENFILE: "ENFILE", EMFILE: "EMFILE",
        ETXTBSY: "ETXTBSY", EFBIG: "EFBIG", ENOSPC: "ENOSPC", EROFS: "EROFS", EMLINK: "EMLINK",
        ENAMETOOLONG: "ENAMETOOLONG", ENOSYS: "ENOSYS", ELOOP: "ELOOP", EOVERFLOW: "EOVERFLOW",
        EOPNOTSUPP: "EOPNOTSUPP", EDQUOT: "EDQUOT", ESTALE: "ESTALE", ETIMEDOUT: "ETIMEDOUT",
    ]
    return names[code] ?? "errno \(code)"
}
