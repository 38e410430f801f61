/// What one run of the write protocol did.
struct FlushRun {
    var changes: [String] = []
    var bytesChanged = 0
    var fileSize = 0
    var bytesWritten = 0
    var durations = FlushDurations()
    var result = FlushResult.unchanged
    /// Memory was seen to differ from the file after a failure.
    var unsaved = false
    /// Edits by others that were taken in on the way.
    var edits: [PersisterEvent] = []
    var conflicts = 0
    /// Why the edit was doubted that was taken in all the same.
    var doubt: Refusal?
    var backupFailure: Int32?
    var lostFlags: FileFlags = []
    /// Copies that stay readable by more people than the file, and why.
    var exposedCopies: [CopyGuard.Exposed] = []
    /// What could not be written into the file; nil where the run did not come to that.
    var unwritten: [UnwrittenChange]?
    /// Why nothing was written, whatever there was to write.
    var memoryOnly: MemoryOnly?
}

extension FlushDurations {
    mutating func add(_ other: FlushDurations) {
        encode += other.encode
        write += other.write
        fsync += other.fsync
        rename += other.rename
    }
}

/// Names for temporaries that no other write of this or another process uses.
struct WriteToken {
    private let process = UInt32.random(in: .min ... .max)
    private var count = 0

    mutating func next() -> String {
        count += 1
        return "\(String(process, radix: 36))-\(String(count, radix: 36))"
    }
}
