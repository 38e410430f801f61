internal import Synchronization

internal import Support

/// Log lines on standard error, except while a console owns the terminal behind it.
public final class StandardErrorLog: Sendable {
    private let open: Atomic<Bool>

    /// A log that is shown or, at first, not.
    public init(isOpen: Bool) {
        open = Atomic(isOpen)
    }

    /// Whether lines are shown.
    public var isOpen: Bool {
        get { open.load(ordering: .relaxed) }
        set { open.store(newValue, ordering: .relaxed) }
    }

    /// Writes the bytes, unless a console is open.
    ///
    /// - Returns: why not all of them were written.
    public func write(_ bytes: [UInt8]) -> String? {
        isOpen ? DescriptorIO.write(bytes, to: STDERR_FILENO)?.text : nil
    }

    /// Whether standard error leads to the journal of systemd, by what the service manager said about it.
    ///
    /// - Parameter journalStream: the value of `JOURNAL_STREAM`, `DEVICE:INODE`.
    public static func leadsToJournal(_ journalStream: String?) -> Bool {
        guard let journalStream, let stream = FileIdentity(descriptor: STDERR_FILENO) else { return false }
        return journalStream == "\(stream.device):\(stream.inode)"
    }
}
