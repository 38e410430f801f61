internal import Dispatch
internal import Support
internal import Synchronization

/// The file in which a process leaves its time outs to the next one.
///
/// It stands in the state directory (systemd's `StateDirectory=`, or the user's, as the XDG specification places it); where there is none,
/// nothing is kept. Whatever goes wrong with it is not worth a word: the time outs are found out anew.
final class TimeOutFile: Sendable {
    /// Changes within this time are written together.
    private static let delay = DispatchTimeInterval.seconds(1)
    private static let limit = 8 << 20

    private struct Schedule {
        var isScheduled = false
        var isClosed = false
    }

    private let path: String
    private let queue = DispatchQueue(label: "podium.time-outs")
    private let schedule = Mutex(Schedule())

    /// nil where there is no state directory.
    init?(configuration: String, environment: [String: String]) {
        guard let path = Self.place(configuration, environment, suffix: "podium-time-outs") else { return nil }
        self.path = path
    }

    /// A file of the state directory that belongs to a configuration; nil where there is no state directory.
    static func place(_ configuration: String, _ environment: [String: String], suffix: String) -> String? {
        guard let directory = directory(environment) else { return nil }
        var absolute = configuration
        if !absolute.hasPrefix("/"), let folder = workingDirectory { absolute = "\(folder)/\(absolute)" }
        // The whole path becomes the name, since several configurations may share the directory.
        let flat = String(absolute.map { $0 == "/" ? "%" : $0 })
        return "\(directory)/\(flat.suffix(200)).\(suffix)"
    }

    private static func directory(_ environment: [String: String]) -> String? {
        let places = [
            environment["STATE_DIRECTORY"], environment["XDG_STATE_HOME"],
            environment["HOME"].map { "\($0)/.local/state" },
        ]
        return places.compactMap(\.self).first { $0.hasPrefix("/") && access($0, W_OK | X_OK) == 0 }
    }

    private static var workingDirectory: String? {
        guard let buffer = getcwd(nil, 0) else { return nil }
        defer { free(buffer) }
        return String(cString: buffer)
    }

    /// What the last process has left; empty where it left nothing.
    func read() -> SavedTimeOuts {
        guard let bytes = try? DescriptorIO.contents(of: path, limit: Self.limit) else { return SavedTimeOuts() }
        return SavedTimeOuts(reading: String(decoding: bytes, as: UTF8.self))
    }

    /// Writes what `content` gives in a moment, on a queue of its own.
    func save(_ content: @escaping @Sendable () -> SavedTimeOuts) {
        let isFirst = schedule.withLock { schedule in
            defer { schedule.isScheduled = true }
            return !schedule.isScheduled && !schedule.isClosed
        }
        guard isFirst else { return }
        queue.asyncAfter(deadline: .now() + Self.delay) { [self] in
            let isOpen = schedule.withLock { schedule in
                schedule.isScheduled = false
                return !schedule.isClosed
            }
            if isOpen { write(content()) }
        }
    }

    /// Writes the last state, unless the disk stands still for longer than that.
    func finish(_ content: SavedTimeOuts, within patience: Duration) {
        schedule.withLock { $0.isClosed = true }
        let written = DispatchSemaphore(value: 0)
        queue.async { [self] in
            write(content)
            written.signal()
        }
        _ = written.wait(timeout: .now() + patience.inSeconds)
    }

    /// The whole new file or the old one, whatever happens meanwhile.
    private func write(_ content: SavedTimeOuts) {
        let text = content.text
        guard !text.isEmpty else {
            unlink(path)
            return
        }
        _ = DescriptorIO.replaceFile(at: path, with: Array(text.utf8), syncs: true)
    }
}
