import Configuration
import PodiumModel
import YAMLDocument

/// Runs the write protocol: reads the file, takes in edits by others, makes the edits that the engine's state asks for, checks the
/// result and has it put in place. It knows what is on disk.
///
/// `Persister` owns the only one and calls it on its queue `podium.persist.disk` alone, since every method may wait for the disk.
struct ConfigurationWriter {
    /// When another program saves the file at the same time, the write starts over. This is how often at most.
    private static let longestRace = 40

    struct Base {
        var bytes: [UInt8]
        var state: PersistedState
        /// The scan of `bytes`; made when first needed and kept until the bytes differ.
        var document: YAMLDocument?

        /// What of the state could not be written into this file.
        func unwritable(_ wanted: PersistedState) -> [UnwrittenChange] {
            let changes = state.changes(to: wanted)
            guard !changes.isEmpty, let document = document ?? (try? YAMLDocument(bytes: bytes)) else { return [] }
            return ConfigurationEditor.applyWhatCan(changes, to: document, order: wanted.names).refused.map {
                UnwrittenChange($0, file: state, wanted: wanted)
            }
        }
    }

    let path: String
    let environment: [String: String]
    let openListener: String?
    let fileSystem: FileSystem
    let snapshot: @Sendable () -> PersistedState
    let adopt: @Sendable (ExternalEdit) -> MergedEdit
    /// Tells the owner in which order the file will have the endpoints, where that is another than the snapshot's.
    let follow: @Sendable ([UInt32]) -> Void
    var allowInPlace: Bool
    var persist: PersistMode {
        didSet { isStorageKnown = isStorageKnown && persist == oldValue }
    }
    /// Whether ``memoryOnly`` is what the setting and the place make of it.
    private var isStorageKnown = true
    /// Set while nothing is written, and why.
    private(set) var memoryOnly: MemoryOnly?
    /// File systems that could be written to before: if one no longer can, that is a fault and no intention.
    private var writableDevices: Set<UInt64> = []
    private(set) var base: Base
    /// The version that the last write was to put in place, where that write failed and it is not known how far it came.
    private var attempted: Edit?
    /// The text that every written version is made from.
    private var authored: AuthoredFile
    private var lock: ProcessLock?
    /// The last write is in place, but its directory did not sync: equal bytes prove nothing until one did. Until then the
    /// backup stays what it is, the last version that is known to be durable.
    private var durabilityIsUnknown = false
    /// What is on disk is what was written here last.
    private var isOwnVersion = false
    /// An overwriting in place failed and could not be taken back: the file is torn until it was recovered.
    private var torn: InPlaceWrite.Torn?
    private var token = WriteToken()
    /// The names on the way to the file when it was last resolved.
    private(set) var places: [DirectoryWatch.Place] = []
    private var settling = Settling()
    /// The file whose copies were last looked at.
    private var guarded: FileStatus?
    /// What stood at the end of the path before the last reading.
    private var sighting: Sighting?
    /// The last reading has to be done again, even if nothing changes.
    private(set) var isUnsettled = false

    /// Where the path led and what was found there.
    private struct Sighting: Equatable {
        var places: [DirectoryWatch.Place]
        var file: FileStatus?
    }

    init(
        options: PersisterOptions, base: LoadedBase, fileSystem: FileSystem,
        snapshot: @escaping @Sendable () -> PersistedState,
        adopt: @escaping @Sendable (ExternalEdit) -> MergedEdit,
        follow: @escaping @Sendable ([UInt32]) -> Void = { _ in }
    ) throws(PersistenceError) {
        self.path = StablePath.absolute(options.path, environment: options.environment)
        self.environment = options.environment
        self.openListener = options.openListener
        self.allowInPlace = options.allowInPlace
        self.persist = options.persist
        self.fileSystem = fileSystem
        self.snapshot = snapshot
        self.adopt = adopt
        self.follow = follow
        self.base = Base(bytes: base.bytes, state: base.state)
        authored = AuthoredFile(bytes: base.bytes, state: base.state)
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        places = target.places
        lock = try ProcessLock.take(target, fileSystem)
        memoryOnly = reasonNotToWrite(target)
    }

    /// Settles what a crash has left. Best effort: a directory that cannot be listed must not keep the program from running.
    func sweepOrphans() -> [OrphanOutcome] {
        guard memoryOnly == nil else { return [] }
        let environment = environment
        do throws(PersistenceError) {
            let target = try ConfigurationTarget.resolve(path, fileSystem)
            let sweep = OrphanSweep(fileSystem: fileSystem, target: target) { bytes in
                ConfigurationLoader.load(bytes: bytes, environment: environment).configuration != nil
            }
            return try sweep.run()
        } catch {
            return []
        }
    }

    mutating func releaseLock() {
        lock = nil
    }

    /// One flush.
    mutating func flush() -> FlushRun {
        let start = ContinuousClock.now
        var run = FlushRun()
        do throws(PersistenceError) {
            try attempt(&run)
        } catch {
            if case .durabilityUnknown = error { durabilityIsUnknown = true }
            run.result = .failed(error)
            run.unsaved = durabilityIsUnknown || !base.state.changes(to: snapshot()).isEmpty
        }
        run.durations.total = ContinuousClock.now - start
        run.memoryOnly = memoryOnly
        return run
    }

    /// What saving the state would do to the file as it was last seen.
    mutating func preview(_ state: PersistedState) throws(PersistenceError) -> FlushPreview {
        let changes = base.state.changes(to: state)
        guard !changes.isEmpty else { return FlushPreview(difference: LineDifference(from: [], to: []), unwritten: []) }
        let edit = try made(changes, towards: state, resolve())
        return FlushPreview(
            difference: LineDifference(from: base.bytes, to: edit.document.bytes), unwritten: edit.unwritten)
    }

    /// Takes in what others may have saved, without writing.
    ///
    /// - Parameter patience: how long it may wait for another program that is saving the file.
    mutating func inspect(patience: Duration = SettledFile.patience) -> FlushRun {
        var run = FlushRun()
        do throws(PersistenceError) {
            let reading = try read(&run, resolve(), patience: patience)
            takeIn(reading, &run)
        } catch {
            if case .locked = error { isUnsettled = true }
            run.result = .failed(error)
        }
        run.memoryOnly = memoryOnly
        // The merged state can differ from the edited text: an endpoint that is off stands last, whatever its
        // priority.
        run.unsaved = memoryOnly == nil && !base.state.changes(to: snapshot()).isEmpty
        return run
    }

    /// Whether the path leads elsewhere, or what is there has changed, since the last reading; a few calls of `lstat`.
    ///
    /// No watch of directories tells everything: nothing is told of a file system that is mounted over one of them, nor of
    /// changes that another machine makes.
    func mayHaveChanged() -> Bool {
        if isUnsettled { return true }
        guard let target = try? ConfigurationTarget.resolve(path, fileSystem) else { return sighting != nil }
        if see(target) != sighting { return true }
        if case .readOnly = memoryOnly { return WriteAccess(target, fileSystem).directory == 0 }
        return false
    }

    private func see(_ target: ConfigurationTarget) -> Sighting {
        Sighting(places: target.places, file: (try? fileSystem.entryStatus(target.directory, target.name)) ?? nil)
    }

    /// Why nothing is written, if nothing is.
    private mutating func reasonNotToWrite(_ target: ConfigurationTarget) -> MemoryOnly? {
        if persist == .off { return .asConfigured }
        let access = WriteAccess(target, fileSystem)
        guard let device = target.places.last?.device else { return nil }
        if access.directory == 0 { writableDevices.insert(device) }
        guard persist == .auto, access.isReadOnlyOnPurpose(wasWritable: writableDevices.contains(device)) else {
            return nil
        }
        return .readOnly(path: path, errno: access.directory)
    }

    // MARK: Steps

    private mutating func attempt(_ run: inout FlushRun) throws(PersistenceError) {
        for _ in 0..<Self.longestRace {
            let target = try resolve()
            let reading = try read(&run, target)
            run.fileSize = reading.image.bytes.count
            takeIn(reading, &run)
            if let memoryOnly {
                run.result = base.state.changes(to: snapshot()).isEmpty ? .unchanged : .inMemory(memoryOnly)
                return
            }
            guard let edit = try encode(&run, target) else {
                run.result = .unchanged
                return
            }
            var replacement = FileReplacement(fileSystem: fileSystem, target: target, token: token.next())
            replacement.keepsBackup = durabilityIsUnknown && isOwnVersion
            defer {
                run.durations.add(replacement.durations)
                run.bytesWritten += replacement.bytesWritten
            }
            attempted = edit
            do throws(PersistenceError) {
                guard case .replaced(let failure) = try put(edit, reading.image, target, &replacement, &run)
                else { continue }
                finish(edit, &run)
                run.backupFailure = failure
                run.lostFlags = replacement.lostFlags
                durabilityIsUnknown = false
                return
            } catch {
                switch error {
                case .durabilityUnknown:
                    finish(edit, &run)
                    throw error
                case .refused(.beingEdited):
                    try pause()
                default: throw error
                }
            }
        }
        throw .refused(.beingEdited(path: path))
    }

    private mutating func put(
        _ edit: Edit, _ image: FileImage, _ target: ConfigurationTarget, _ replacement: inout FileReplacement,
        _ run: inout FlushRun
    ) throws(PersistenceError) -> FileReplacement.Outcome {
        do throws(PersistenceError) {
            return try replacement.replace(image, with: edit.document.bytes)
        } catch {
            guard allowInPlace, case .refused(.needsInPlace) = error else { throw error }
            var inPlace = InPlaceWrite(fileSystem: fileSystem, target: target, environment: environment)
            defer {
                run.durations.add(inPlace.durations)
                run.bytesWritten += inPlace.bytesWritten
                torn = inPlace.torn
            }
            return try inPlace.overwrite(image, with: edit.document.bytes)
        }
    }

    private mutating func resolve() throws(PersistenceError) -> ConfigurationTarget {
        sighting = nil
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        places = target.places
        sighting = see(target)
        // The link leads elsewhere now. The lock has to stand beside the file that is written, so it is taken anew.
        let isElsewhere = lock.map { !$0.covers(target, fileSystem) } ?? false
        if isElsewhere { lock = try ProcessLock.take(target, fileSystem) }
        if isElsewhere || memoryOnly != nil || !isStorageKnown { memoryOnly = reasonNotToWrite(target) }
        isStorageKnown = true
        if let left = torn {
            var inPlace = InPlaceWrite(fileSystem: fileSystem, target: target, environment: environment)
            _ = try inPlace.recover(own: left)
            torn = nil
        }
        return target
    }

    private mutating func read(
        _ run: inout FlushRun, _ target: ConfigurationTarget, patience: Duration = SettledFile.patience
    ) throws(PersistenceError) -> SettledFile.Reading {
        let start = ContinuousClock.now
        var waited = Duration.zero
        // Waiting for another program's save is not the persister's work, so it counts in the total alone.
        defer { run.durations.write += max(.zero, ContinuousClock.now - start - waited) }
        let file = SettledFile(
            fileSystem: fileSystem, environment: environment, openListener: openListener, patience: patience)
        isUnsettled = false
        do throws(PersistenceError) {
            let reading = try file.read(
                target,
                known: SettledFile.Known(
                    bytes: base.bytes, document: base.document, attempted: attempted?.document.bytes),
                settling: &settling, waited: &waited)
            if guarded != reading.image.status {
                guarded = reading.image.status
                run.exposedCopies = CopyGuard(fileSystem: fileSystem, target: target).narrow(like: reading.image)
            }
            return reading
        } catch {
            if case .refused(.unfinishedEdit) = error { isUnsettled = true }
            throw error
        }
    }

    /// What our own failed write has left behind must not be taken for an external edit.
    private mutating func recognize(_ image: FileImage) {
        guard let attempted, image.bytes != base.bytes, image.bytes == attempted.document.bytes else { return }
        base = Base(bytes: image.bytes, state: attempted.state, document: attempted.document)
        self.attempted = nil
        isOwnVersion = true
        durabilityIsUnknown = true
    }

    /// The edited file is the new base; the owner merges, and its next snapshot holds the result.
    private mutating func takeIn(_ reading: SettledFile.Reading, _ run: inout FlushRun) {
        recognize(reading.image)
        guard let edited = reading.edited, let configuration = edited.configuration else { return }
        settling.forget()
        run.doubt = reading.doubt
        let before = base.state
        let file = PersistedState(configuration: configuration)
        let merged = adopt(
            ExternalEdit(
                configuration: configuration, ancestor: before, theirs: FileAlignment(known: before).align(file),
                theirAutoSort: file.autoSortEndpoints))
        let written = base.bytes
        base = Base(bytes: reading.image.bytes, state: merged.agreed, document: edited.document)
        authored = authored.edited(
            from: written,
            to: AuthoredFile(bytes: reading.image.bytes, state: merged.agreed, document: edited.document),
            environment: environment)
        // The bytes on disk come from the external edit now, so they are kept as they are.
        isOwnVersion = false
        attempted = nil
        run.edits.append(
            .externalEditAdopted(
                changes: before.changes(to: merged.agreed).map(\.description), conflicts: merged.conflicts))
        run.conflicts += merged.conflicts.count
    }

    private struct Edit {
        var document: YAMLDocument
        /// What the document says.
        var state: PersistedState
        var changes: [String]
        /// What it should say besides and cannot be made to.
        var unwritten: [UnwrittenChange]
    }

    /// The file as it should be, verified; nil if it says so already.
    private mutating func encode(
        _ run: inout FlushRun, _ target: ConfigurationTarget
    ) throws(PersistenceError) -> Edit? {
        let start = ContinuousClock.now
        defer { run.durations.encode += ContinuousClock.now - start }
        var state = snapshot()
        var changes = base.state.changes(to: state)
        run.unwritten = []
        guard !changes.isEmpty || durabilityIsUnknown else { return nil }
        var edit = try made(changes, towards: state, target)
        let order = edit.state.endpoints.map(\.id)
        if order != state.endpoints.map(\.id) {
            // An entry that comes back stands where its author had it, among entries that may have been moved since. Equal
            // priorities count in file order, so the ranks may mean other numbers now.
            follow(order)
            state = snapshot()
            changes = base.state.changes(to: state)
            edit = try made(changes, towards: state, target)
        }
        run.unwritten = edit.unwritten
        guard !edit.changes.isEmpty || durabilityIsUnknown else { return nil }
        if edit.document.bytes == base.bytes, !durabilityIsUnknown {
            base.state = edit.state
            return nil
        }
        return edit
    }

    /// The author's file with every change that can be written into it; where more can be written into the version on disk,
    /// that one.
    private mutating func made(
        _ changes: [ConfigurationChange], towards state: PersistedState, _ target: ConfigurationTarget
    ) throws(PersistenceError) -> Edit {
        if changes.isEmpty || authored.bytes == base.bytes || authored.areForeignRanks(changes, of: base.state) {
            return try edited(changes, towards: state, target)
        }
        var made: Edit?
        do throws(PersistenceError) {
            let scanned = try scan(authored.bytes, authored.document, target)
            authored.document = scanned
            var edit = try verified(authored.state.changes(to: state), scanned, authored.state, towards: state)
            edit.changes = base.state.changes(to: edit.state).map(\.description)
            made = edit
        } catch {
            made = nil
        }
        if let made, made.unwritten.isEmpty { return made }
        let other = try edited(changes, towards: state, target)
        guard let made, made.unwritten.count <= other.unwritten.count else { return other }
        return made
    }

    /// The version on disk with every change that can be written into it.
    private mutating func edited(
        _ changes: [ConfigurationChange], towards state: PersistedState, _ target: ConfigurationTarget
    ) throws(PersistenceError) -> Edit {
        let scanned = try scan(base.bytes, base.document, target)
        base.document = scanned
        if authored.document == nil, authored.bytes == base.bytes { authored.document = scanned }
        return try verified(changes, scanned, base.state, towards: state)
    }

    private func verified(
        _ changes: [ConfigurationChange], _ document: YAMLDocument, _ file: PersistedState,
        towards state: PersistedState
    ) throws(PersistenceError) -> Edit {
        let edit = ConfigurationEditor.applyWhatCan(changes, to: document, order: state.names)
        var reached = edit.refused.isEmpty ? state : file.after(edit.written, towards: state)
        if edit.written.allSatisfy(\.isCheckedByItself) {
            reached.putInOrder(of: file)
        } else {
            try reached.putInOrder(byName: validate(edit.document, reached))
        }
        return Edit(
            document: edit.document, state: reached, changes: edit.written.map(\.description),
            unwritten: edit.refused.map { UnwrittenChange($0, file: file, wanted: state) })
    }

    private func scan(
        _ bytes: [UInt8], _ known: YAMLDocument?, _ target: ConfigurationTarget
    ) throws(PersistenceError) -> YAMLDocument {
        if let known { return known }
        do throws(YAMLError) {
            return try YAMLDocument(bytes: bytes)
        } catch {
            throw .refused(
                .invalidFile(
                    path: target.path,
                    problems: [FileProblem(line: error.line, column: error.column, message: error.reason)]))
        }
    }

    /// What is about to be written has to load without an error and mean exactly what memory holds.
    ///
    /// For a changed field the editor has done that already, with the loader's own reader for that entry; all else is as it
    /// was loaded. The whole file is read only for entries that come, go or change their name.
    ///
    /// - Returns: what it says.
    private func validate(
        _ document: YAMLDocument, _ state: PersistedState
    ) throws(PersistenceError) -> PersistedState {
        let loaded = ConfigurationLoader.load(bytes: document.bytes, environment: environment)
        guard let configuration = loaded.configuration else { throw .refused(.invalidState(problems: loaded.problems)) }
        let file = PersistedState(configuration: configuration)
        let wanted = Dictionary(state.endpoints.map { ($0.settings.name, $0.settings) }, uniquingKeysWith: { $1 })
        for endpoint in file.endpoints where wanted[endpoint.settings.name] != endpoint.settings {
            throw .refused(
                .invalidState(problems: [
                    FileProblem(line: 0, column: 0, message: "\(endpoint.settings.name) would not read back as it is")
                ]))
        }
        guard file.clients.sorted(by: { $0.name < $1.name }) == state.clients.sorted(by: { $0.name < $1.name }) else {
            throw .refused(
                .invalidState(problems: [
                    FileProblem(line: 0, column: 0, message: "the list of clients would not read back as it is")
                ]))
        }
        guard file.endpoints.count == state.endpoints.count, file.autoSortEndpoints == state.autoSortEndpoints else {
            throw .refused(
                .invalidState(problems: [
                    FileProblem(line: 0, column: 0, message: "the list of endpoints would not read back as it is")
                ]))
        }
        return file
    }

    private mutating func finish(_ edit: Edit, _ run: inout FlushRun) {
        run.changes = edit.changes
        run.bytesChanged = ByteDifference.count(base.bytes, edit.document.bytes)
        run.fileSize = edit.document.bytes.count
        run.result = .written
        isOwnVersion = true
        attempted = nil
        base = Base(bytes: edit.document.bytes, state: edit.state, document: edit.document)
    }

    private func pause() throws(PersistenceError) {
        do throws(FileError) { try fileSystem.pause(Settling.look) } catch { throw error.asPersistenceError }
    }
}

extension PersistedState {
    /// The endpoints as another state has them; those that it lacks stay last.
    fileprivate mutating func putInOrder(of other: PersistedState) {
        sort(by: other.endpoints.map(\.id)) { $0.id }
    }

    /// The same by names, for a file that was just read and knows no identities.
    fileprivate mutating func putInOrder(byName other: PersistedState) {
        sort(by: other.names) { $0.settings.name }
    }

    private mutating func sort<Key: Hashable>(by order: [Key], _ key: (Endpoint) -> Key) {
        let places = Dictionary(order.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        endpoints = endpoints.enumerated().sorted { left, right in
            (places[key(left.element)] ?? .max, left.offset) < (places[key(right.element)] ?? .max, right.offset)
        }.map(\.element)
    }
}

extension ConfigurationChange {
    /// Whether its entry alone decides if the file still loads.
    fileprivate var isCheckedByItself: Bool {
        switch self {
        case .setField(_, let field, _, _): field != .name
        case .setAutoSort: true
        case .addEndpoint, .removeEndpoint, .setClientField, .addClient, .removeClient: false
        }
    }
}
