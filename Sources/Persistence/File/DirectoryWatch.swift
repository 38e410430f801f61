internal import Support
import CSystemShim
@preconcurrency import Dispatch
import Synchronization

/// Tells when a file is saved, replaced, created or removed, by watching the directories that lead to it.
///
/// The directory is watched and not the file: an editor that renames a new file into place would take the watch away with
/// the old one.
final class DirectoryWatch: Sendable {
    /// A name whose changes matter.
    struct Place: Sendable, Hashable {
        var directory: String
        var name: String
        /// Which directory that is: another one under the same name has to be watched anew.
        var device: UInt64
        var inode: UInt64
        /// The name is the configuration's, or that of a link to it, and not that of a directory on the way.
        var holdsFile: Bool
    }

    private struct State {
        var places: Set<Place> = []
        var names: [Int32: Set<String>] = [:]
    }

    private let descriptor: OpenFile
    private let source: any DispatchSourceRead
    private let state = Mutex(State())

    /// - Parameter onChange: called on `queue`, once for each burst of changes.
    init(queue: DispatchQueue, onChange: @escaping @Sendable () -> Void) throws(FileError) {
        let opened = podium_watch_open()
        guard opened >= 0 else { throw FileError(call: .open, path: "inotify", errno: -opened) }
        descriptor = OpenFile(opened)
        source = DispatchSource.makeReadSource(fileDescriptor: opened, queue: queue)
        source.setEventHandler { [weak self] in
            if self?.readEvents() == true { onChange() }
        }
        let file = descriptor
        // The descriptor must outlive the source that polls it.
        source.setCancelHandler { withExtendedLifetime(file) {} }
        source.activate()
    }

    deinit {
        source.cancel()
    }

    /// Replaces what is watched. Does nothing if it is the same.
    func watch(_ places: [Place]) throws(FileError) {
        let wanted = Set(places)
        let failure: FileError? = state.withLock { state in
            guard state.places != wanted else { return nil }
            for number in state.names.keys { _ = podium_watch_remove(descriptor.descriptor, number) }
            state = State(places: wanted)
            var failure: FileError?
            for place in places {
                let number = podium_watch_add(descriptor.descriptor, place.directory, place.holdsFile ? 1 : 0)
                if number >= 0 {
                    state.names[number, default: []].insert(place.name)
                } else if place.holdsFile {
                    failure = FileError(call: .open, path: place.directory, errno: -number)
                }
                // A directory on the way that may not be read is looked at from time to time, as they all are.
            }
            return failure
        }
        if let failure { throw failure }
    }

    /// Whether anything that matters has changed.
    private func readEvents() -> Bool {
        var events = [podium_watch_event](repeating: podium_watch_event(), count: 64)
        var matters = false
        while true {
            let count = podium_watch_read(descriptor.descriptor, &events, Int32(events.count))
            guard count > 0 else { return matters }
            state.withLock { state in
                for var event in events[..<Int(count)] {
                    let name = withUnsafePointer(to: &event.name) { pointer in
                        String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
                    }
                    if event.lost != 0 {
                        // Removing a watch reports itself as lost as well; only a live one means anything.
                        guard event.number < 0 || state.names[event.number] != nil else { continue }
                        state.places = []
                        matters = true
                    } else if state.names[event.number]?.contains(name) == true {
                        matters = true
                    }
                }
            }
        }
    }
}
