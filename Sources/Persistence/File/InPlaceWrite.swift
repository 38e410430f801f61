internal import Support

/// Overwrites a file that cannot be replaced: a bind mount, or a file in a directory that cannot be written. Only where the
/// operator allowed it.
struct InPlaceWrite {
    let fileSystem: FileSystem
    let target: ConfigurationTarget
    let environment: [String: String]
    var durations = FlushDurations()
    private(set) var bytesWritten = 0

    init(fileSystem: FileSystem, target: ConfigurationTarget, environment: [String: String]) {
        self.fileSystem = fileSystem
        self.target = target
        self.environment = environment
    }

    mutating func overwrite(_ original: FileImage, with bytes: [UInt8]) throws(PersistenceError)
        -> FileReplacement.Outcome
    {
        let journal = try prepareJournal(InPlaceJournal(old: original.bytes, new: bytes))
        var touched: OpenFile?
        do throws(FileError) {
            let file = try fileSystem.open(target.directory, target.name, writing: true)
            guard try fileSystem.status(file, target.name) == original.status else {
                remove(journal)
                return .fileChanged
            }
            touched = file
            let start = ContinuousClock.now
            try put(bytes, into: file)
            let written = ContinuousClock.now
            try fileSystem.sync(file, target.name)
            durations.write += written - start
            durations.fsync += ContinuousClock.now - written
            bytesWritten += bytes.count
        } catch {
            undo(touched, to: original.bytes, journal)
            throw error.asPersistenceError
        }
        remove(journal)
        return .replaced(backupFailure: nil)
    }

    /// What stands in the file after a write that failed and could not be taken back; the journal is kept then.
    private(set) var torn: Torn?

    struct Torn {
        /// Nil where even that cannot be told.
        var status: FileStatus?
    }

    /// Puts the old bytes back at once, so that nothing is left to be mended: not by the next attempt, and not by a start
    /// long after it was mended by hand.
    private mutating func undo(_ file: OpenFile?, to old: [UInt8], _ journal: Place) {
        guard let file else { return remove(journal) }
        do throws(FileError) {
            try put(old, into: file)
            try fileSystem.sync(file, target.name)
            remove(journal)
        } catch {
            torn = Torn(status: try? fileSystem.status(file, target.name))
        }
    }

    private func put(_ bytes: [UInt8], into file: OpenFile) throws(FileError) {
        try fileSystem.write(file, target.name, bytes)
        try fileSystem.truncate(file, target.name, to: bytes.count)
    }

    /// Whether an overwriting was interrupted, or runs in another process.
    var journalExists: Bool {
        places.contains { (try? fileSystem.entryStatus($0.target.directory, $0.name)) ?? nil != nil }
    }

    /// Undoes what a crash or an error interrupted: the caller was never told that it was done. Runs under the
    /// lock, before the file is read. True if the file was repaired.
    ///
    /// - Parameter own: what this process's own attempt left, so that even a file that looks finished may not be durable. At
    ///   a start such a file may have been acknowledged, and stays.
    mutating func recover(own: Torn?) throws(PersistenceError) -> Bool {
        var repaired = false
        for place in places {
            guard let journal = (try? FileImage.read(place.name, in: place.target, fileSystem)) ?? nil else { continue }
            guard let contents = InPlaceJournal(bytes: journal.bytes),
                let current = try FileImage.read(target.name, in: target, fileSystem)
            else {
                remove(place)
                continue
            }
            let state = contents.state(of: current.bytes)
            let looksFinished = current.bytes == contents.new && contents.new != contents.old
            let isOwn = own.map { $0.status?.isSameContent(as: current.status) ?? true } ?? false
            let isOfThatTime = current.status.modified.seconds <= journal.status.modified.seconds + Self.longestWrite
            if own == nil ? state == .torn && isOfThatTime : isOwn && (state == .torn || looksFinished) {
                do throws(FileError) {
                    let file = try fileSystem.open(target.directory, target.name, writing: true)
                    try put(contents.old, into: file)
                    try fileSystem.sync(file, target.name)
                } catch {
                    throw error.asPersistenceError
                }
                repaired = true
            }
            remove(place)
        }
        return repaired
    }

    /// Seconds after the journal in which an overwriting may still have begun. What changed the file later was no
    /// overwriting that the journal knows of, whatever it looks like.
    private static let longestWrite = 120

    // MARK: The journal's place

    private struct Place {
        let target: ConfigurationTarget
        let name: String
    }

    /// Beside the file, then the state directory. Only those that exist and can be opened.
    private var places: [Place] {
        var places = [Place(target: target, name: ".\(target.name).podium-journal")]
        guard let state = stateDirectory, let directory = try? fileSystem.openDirectory(state) else { return places }
        // The whole path becomes the name, since several configurations may share the directory.
        let flat = target.path.map { $0 == "/" ? "%" : $0 }
        let there = ConfigurationTarget(directory: directory, directoryPath: state, name: target.name, places: [])
        places.append(Place(target: there, name: "\(String(flat.suffix(200))).podium-journal"))
        return places
    }

    /// systemd's `StateDirectory=`, or the user's, as the XDG specification places it.
    private var stateDirectory: String? {
        if let given = environment["STATE_DIRECTORY"], !given.isEmpty { return given }
        if let given = environment["XDG_STATE_HOME"], given.hasPrefix("/") { return given }
        return environment["HOME"].map { "\($0)/.local/state" }
    }

    private mutating func prepareJournal(_ journal: InPlaceJournal) throws(PersistenceError) -> Place {
        var failure: FileError?
        for place in places {
            // What an interrupted attempt left was recovered before this one read the file.
            try? fileSystem.unlink(place.target.directory, place.name)
            do throws(FileError) {
                let file = try fileSystem.create(place.target.directory, place.name)
                let bytes = journal.bytes
                try fileSystem.write(file, place.name, bytes)
                try fileSystem.sync(file, place.name)
                try fileSystem.syncDirectory(place.target.directory, place.target.directoryPath)
                bytesWritten += bytes.count
                return place
            } catch {
                remove(place)
                failure = error
            }
        }
        throw failure?.asPersistenceError ?? .closed
    }

    /// Best effort: a journal of a finished write is recognised as settled and removed at the next start.
    private func remove(_ place: Place) {
        try? fileSystem.unlink(place.target.directory, place.name)
    }
}

/// What makes overwriting a file in place survivable: before its first byte is touched, the old and the new version lie
/// synced in a file of their own.
///
/// It stands beside the file, or, where that directory cannot be written, in the user's state directory.
struct InPlaceJournal: Sendable {
    /// How the file and a journal found at the start belong together.
    enum State: Equatable {
        /// The overwriting had not begun or was finished: the file is one of both versions.
        case settled
        /// The file is a mixture: it has to be overwritten again.
        case torn
        /// The file was edited since.
        case edited
    }

    static let magic = "podium journal 1"

    let old: [UInt8]
    let new: [UInt8]

    init(old: [UInt8], new: [UInt8]) {
        self.old = old
        self.new = new
    }

    var bytes: [UInt8] {
        let header = "\(Self.magic)\n\(old.count) \(new.count) \(Self.checksum(old, new))\n"
        return Array(header.utf8) + old + new
    }

    /// Nil if it is incomplete: then it was never synced, and the file was not touched.
    init?(bytes: [UInt8]) {
        let lines = bytes.split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, String(decoding: lines[0], as: UTF8.self) == Self.magic else { return nil }
        let numbers = String(decoding: lines[1], as: UTF8.self).split(separator: " ")
        guard numbers.count == 3, let oldCount = Int(numbers[0]), let newCount = Int(numbers[1]), oldCount >= 0,
            newCount >= 0, lines[2].count - oldCount == newCount
        else { return nil }
        old = Array(lines[2].prefix(oldCount))
        new = Array(lines[2].dropFirst(oldCount))
        guard String(numbers[2]) == Self.checksum(old, new) else { return nil }
    }

    /// A write that was interrupted leaves sectors of the new version, sectors of the old one, sectors that were allocated and
    /// read as zeros, and at most one that begins as the new version and ends as the old one. A file that holds what both
    /// versions hold in any other arrangement was made by an editor.
    func state(of current: [UInt8]) -> State {
        if current == old || current == new { return .settled }
        guard current.count <= max(old.count, new.count) else { return .edited }
        var hasSplit = false
        for start in stride(from: 0, to: current.count, by: Self.sector) {
            let range = start..<min(start + Self.sector, current.count)
            let bytes = current[range]
            if Self.holds(old, bytes) || Self.holds(new, bytes) || bytes.allSatisfy({ $0 == 0 }) { continue }
            guard !hasSplit, isSplit(bytes) else { return .edited }
            hasSplit = true
        }
        return .torn
    }

    /// No disk writes less at once.
    private static let sector = 512

    private static func holds(_ version: [UInt8], _ bytes: ArraySlice<UInt8>) -> Bool {
        version.count >= bytes.endIndex && version[bytes.indices] == bytes
    }

    private func isSplit(_ bytes: ArraySlice<UInt8>) -> Bool {
        let written = bytes.indices.first { $0 >= new.count || new[$0] != bytes[$0] } ?? bytes.endIndex
        return bytes[written...].indices.allSatisfy { ($0 < old.count && old[$0] == bytes[$0]) || bytes[$0] == 0 }
    }

    /// Guards against a torn journal, not against an adversary.
    private static func checksum(_ parts: [UInt8]...) -> String {
        var hash = FNV1a()
        for part in parts { hash.add(part) }
        return String(hash.value, radix: 16)
    }
}
