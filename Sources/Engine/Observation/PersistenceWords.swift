public import Persistence

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

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

    /// One line that says what happened and what to do.
    public var plainWords: String {
        switch self {
        case .locked(let path, let holder):
            "\(path) is held by another Podium\(holder.map { " (process \($0))" } ?? "")"
        case .system(let operation, let path, let code):
            "\(operation) \(path): \(errnoText(code)) (\(errnoSymbol(code)))"
        case .refused(let refusal): refusal.plainWords
        case .durabilityUnknown(let code):
            "the file is in place, but its folder did not sync (\(errnoSymbol(code))): a power cut could still undo it"
        case .closed: "the persister was shut down"
        }
    }
}

extension Refusal {
    fileprivate var errnoValue: Int32? {
        switch self {
        case .attributesNotKept(_, _, let code), .needsInPlace(_, let code): code
        default: nil
        }
    }

    fileprivate var plainWords: String {
        switch self {
        case .invalidFile(let path, let problems):
            "\(path) does not validate: \(problems.map(\.description).joined(separator: "; "))"
        case .missing(let path): "\(path) is gone"
        case .empty(let path): "\(path) is empty"
        case .beingEdited(let path): "\(path) is being edited by another program"
        case .notRegularFile(let path, let kind): "\(path) is a \(kind), not a file"
        case .symbolicLinkLoop(let path): "\(path) leads through more than 40 symbolic links"
        case .hardLinked(let path, let links):
            "\(path) has \(links) hard links, and replacing it would part them; leave only one name"
        case .tooLarge(let path, let bytes): "\(path) has \(bytes) bytes; at most 16 MiB are edited"
        case .attributesNotKept(let path, let attribute, let code):
            "\(path): its \(attribute) could not be kept (\(errnoSymbol(code)))"
        case .needsInPlace(let path, let code):
            "\(path) cannot be replaced (\(errnoSymbol(code))); server.allow_in_place: true would overwrite it in place"
        case .cannotEdit(let path, let reason): "\(path): \(reason)"
        case .invalidState(let problems):
            "the change does not validate: \(problems.map(\.description).joined(separator: "; "))"
        }
    }
}

private func errnoText(_ code: Int32) -> String {
    String(cString: strerror(code))
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
