import Configuration
import PodiumModel
import YAMLDocument

import Support

/// Decides when a file that another program has changed is complete. It is pure: it takes what was seen and when, and returns
/// how long to wait.
///
/// A program that writes slowly (`cp`, `scp`, an editor on a slow disk) passes through files that load and that are not what
/// its user meant. That no program has the file open any more is the best sign that it is complete.
/// Where that cannot be asked, the only sign is that the file has stayed as it is for a while. A file that lacks something it
/// had is doubted longer than one that does not.
struct Settling: Sendable {
    /// Whether any program has the file open for writing.
    enum Writers: Sendable, CaseIterable {
        case none
        case some
        /// The file belongs to another user, or its file system has no leases.
        case unknown
    }

    static let look = Duration.milliseconds(50)

    private var seen: FileStatus?
    private var since = ContinuousClock.now
    /// How far the time of the looks is ahead of the clock, because a test skipped the pauses between them.
    private var skipped = Duration.zero

    /// The instant of a look.
    var now: ContinuousClock.Instant { ContinuousClock.now + skipped }

    mutating func skip(_ time: Duration) {
        skipped += time
    }

    /// There is nothing to wait for: no such file, or the one that is known.
    mutating func forget() {
        seen = nil
    }

    /// How long the file has been as it is; zero at the first look.
    mutating func stillness(_ status: FileStatus, at now: ContinuousClock.Instant) -> Duration {
        if seen != status {
            seen = status
            since = now
        }
        return now - since
    }

    /// How long a file has to stay as it is before it is taken in.
    ///
    /// A program that keeps it open for ever makes this long, but not endless.
    static func wanted(_ writers: Writers, lacksSomething: Bool) -> Duration {
        switch (writers, lacksSomething) {
        case (.none, false): look
        case (.none, true), (.unknown, false): .seconds(1)
        case (.unknown, true): .seconds(5)
        case (.some, false): .seconds(10)
        case (.some, true): .seconds(300)
        }
    }
}

/// Reads the file once no program is in the middle of saving it.
///
/// Editors pass through states that mean nothing: vim truncates and writes, or moves the file away and creates it anew, so
/// a missing, empty, half-written or just changed file is looked at again for a while before it is believed.
struct SettledFile {
    static let patience = Duration.seconds(2)

    let fileSystem: FileSystem
    let environment: [String: String]
    var openListener: String?
    /// How long one reading waits; zero looks once.
    var patience = Self.patience

    /// What the program took in last.
    struct Known {
        var bytes: [UInt8]
        /// Their parse, where one is there.
        var document: YAMLDocument?
        /// What a write of the program's own that failed may have left.
        var attempted: [UInt8]?
    }

    struct Reading {
        var image: FileImage
        /// Set when the bytes are not those that were known.
        var edited: LoadedConfiguration?
        /// Why it was doubted, where it was taken in only because it has not changed for so long.
        var doubt: Refusal?
    }

    /// - Parameters:
    ///   - known: needs no second look.
    ///   - settling: what earlier looks saw.
    ///   - waited: grows by the time spent waiting.
    func read(
        _ target: ConfigurationTarget, known: Known, settling: inout Settling, waited: inout Duration
    ) throws(PersistenceError) -> Reading {
        let limit = waited + patience
        while true {
            let obstacle: Refusal
            do throws(PersistenceError) {
                switch try assess(target, known: known, settling: &settling) {
                case .ready(let reading): return reading
                case .wait(let reason): obstacle = reason
                }
            } catch {
                // The file grew while it was read.
                guard case .refused(.beingEdited(let path)) = error else { throw error }
                settling.forget()
                obstacle = .unfinishedEdit(path: path, reason: Self.changing)
            }
            guard waited < limit else { throw .refused(obstacle) }
            waited += try pause(&settling)
        }
    }

    static let changing = "it is being changed"

    /// - Returns: the time that passed, on the clock of the looks.
    func pause(_ settling: inout Settling) throws(PersistenceError) -> Duration {
        let start = ContinuousClock.now
        do throws(FileError) { try fileSystem.pause(Settling.look) } catch { throw error.asPersistenceError }
        let passed = ContinuousClock.now - start
        settling.skip(max(.zero, Settling.look - passed))
        return max(Settling.look, passed)
    }

    enum FirstLook {
        case ready(FileImage, doubt: Refusal?)
        case wait(Refusal)
    }

    /// For a program that knows no earlier version to compare with. An old file that no program has open is taken at once.
    func firstLook(_ target: ConfigurationTarget, settling: inout Settling) throws(PersistenceError) -> FirstLook {
        guard let image = try FileImage.read(target.name, in: target, fileSystem) else {
            throw .refused(.missing(path: target.path))
        }
        let still = settling.stillness(image.status, at: settling.now)
        let writers = writers(of: image)
        let wanted = Settling.wanted(writers, lacksSomething: false)
        if writers == .none || still >= wanted || (writers == .unknown && image.status.age >= wanted) {
            return .ready(image, doubt: writers == .some ? unfinished(target, writers, lacking: nil) : nil)
        }
        return .wait(unfinished(target, writers, lacking: nil))
    }

    private func unfinished(_ target: ConfigurationTarget, _ writers: Settling.Writers, lacking: String?) -> Refusal {
        .unfinishedEdit(path: target.path, reason: Self.reason(writers, lacking: lacking))
    }

    private enum Assessment {
        case ready(Reading)
        case wait(Refusal)
    }

    private func assess(
        _ target: ConfigurationTarget, known: Known, settling: inout Settling
    ) throws(PersistenceError) -> Assessment {
        guard let image = try FileImage.read(target.name, in: target, fileSystem) else {
            settling.forget()
            return .wait(.missing(path: target.path))
        }
        if image.bytes == known.bytes || image.bytes == known.attempted {
            settling.forget()
            return .ready(Reading(image: image))
        }
        let still = settling.stillness(image.status, at: settling.now)
        guard still >= Settling.look else { return .wait(.unfinishedEdit(path: target.path, reason: Self.changing)) }
        let writers = writers(of: image)
        // The program that has it open may be about to mend what is wrong with it.
        let isComplete = still >= Settling.wanted(writers, lacksSomething: false)
        guard isComplete || writers == .none else {
            return .wait(unfinished(target, writers, lacking: nil))
        }
        guard !image.bytes.isEmpty else { return .wait(.empty(path: target.path)) }
        let loaded = ConfigurationLoader.load(
            bytes: image.bytes, environment: environment, openListener: openListener)
        guard loaded.configuration != nil else {
            return .wait(.invalidFile(path: target.path, problems: loaded.problems))
        }
        let lacking = FileOutline.lacking(in: image.bytes, loaded.document, from: known)
        guard still >= Settling.wanted(writers, lacksSomething: lacking != nil) else {
            return .wait(unfinished(target, writers, lacking: lacking))
        }
        let doubt = writers == .some ? unfinished(target, writers, lacking: lacking) : nil
        return .ready(Reading(image: image, edited: loaded, doubt: doubt))
    }

    /// While a read lease is held, no program has the file open for writing, and none can open it.
    private func writers(of image: FileImage) -> Settling.Writers {
        do throws(FileError) {
            try fileSystem.takeLease(image.file, "")
        } catch {
            return error.errno == EAGAIN ? .some : .unknown
        }
        defer { try? fileSystem.releaseLease(image.file, "") }
        // A program that has just closed it may have written until then.
        return (try? fileSystem.status(image.file, "")) == image.status ? .none : .some
    }

    private static func reason(_ writers: Settling.Writers, lacking: String?) -> String {
        let wait = Int(Settling.wanted(writers, lacksSomething: lacking != nil).components.seconds)
        let lack = lacking.map { "it lacks \($0)" }
        switch writers {
        case .some:
            let open = "another program has it open for writing"
            return "\(lack.map { "\(open), and \($0)" } ?? open): it is taken in when that program has closed it, "
                + "or when it has not changed for \(wait) s"
        case .none, .unknown:
            return "\(lack ?? "it was changed a moment ago"): it is taken in when it has not changed for \(wait) s"
        }
    }
}

/// The keys, list items and endpoints that a file has, in its order, to tell what another one lacks.
struct FileOutline {
    private(set) var parts: [String] = []
    /// The keys of the last endpoint, and those that all others have in common.
    private var lastEntry: Set<String>?
    private var common: Set<String>?

    init(_ document: YAMLDocument) {
        guard let root = document.root else { return }
        for (key, value) in root.pairs {
            if key.text == "endpoints", value.kind == .sequence {
                addEndpoints(value)
            } else {
                add(value, key.text)
            }
        }
    }

    /// What a file lacks that the known one had, in words, if it lacks anything: it may be the beginning of a longer one.
    static func lacking(in bytes: [UInt8], _ document: YAMLDocument?, from known: SettledFile.Known) -> String? {
        if known.bytes.last == UInt8(ascii: "\n"), bytes.last != UInt8(ascii: "\n") {
            return "the end of its last line"
        }
        guard let document, let before = known.document ?? (try? YAMLDocument(bytes: known.bytes)) else { return nil }
        let outline = FileOutline(document)
        let present = Set(outline.parts)
        let lost = FileOutline(before).parts.filter { !present.contains($0) }
        if let first = lost.first {
            return lost.count == 1 ? "\(first) that it had" : "\(first) and \(lost.count - 1) more that it had"
        }
        return outline.unfinishedEntry
    }

    /// The last entry of the list may end before its credential does.
    private var unfinishedEntry: String? {
        guard let lastEntry, let common else { return nil }
        let credential = EndpointField.credential.map(\.key).filter(common.contains)
        guard let missing = credential.first(where: { !lastEntry.contains($0) }) else { return nil }
        return "\(missing) in its last endpoint"
    }

    private mutating func addEndpoints(_ list: YAMLNode) {
        for entry in list.entries {
            let fields = entry.resolved ?? entry
            let name = fields["name"]?.text ?? ""
            parts.append("endpoint \(name)")
            for (key, value) in fields.pairs { add(value, "\(key.text) of \(name)") }
            if let lastEntry { common = common.map { $0.intersection(lastEntry) } ?? lastEntry }
            lastEntry = Set(fields.pairs.map(\.key.text))
        }
    }

    private mutating func add(_ node: YAMLNode, _ path: String) {
        parts.append(path)
        switch node.kind {
        case .mapping: for (key, value) in node.pairs { add(value, "\(path).\(key.text)") }
        case .sequence: for (index, item) in node.entries.enumerated() { add(item, "\(path)[\(index + 1)]") }
        case .scalar, .alias: break
        }
    }
}

extension LoadedConfiguration {
    /// The errors, each with what to do about it.
    var problems: [FileProblem] {
        errors.map { error in
            FileProblem(
                line: error.line, column: error.column,
                message: error.fix.isEmpty ? error.message : "\(error.message): \(error.fix)")
        }
    }
}
