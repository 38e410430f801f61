import Configuration

/// Reads the file once nobody is in the middle of saving it.
///
/// Editors pass through states that mean nothing: vim truncates and writes, or moves the file away and creates it anew, so
/// a missing, empty, half-written or just changed file is looked at again for a while before it is believed.
struct SettledFile {
    static let look = Duration.milliseconds(50)
    static let patience = Duration.seconds(2)

    let fileSystem: FileSystem
    let environment: [String: String]
    var openListener: String?

    struct Reading {
        var image: FileImage
        /// Set when the bytes are not those that were known.
        var edited: LoadedConfiguration?
    }

    /// - Parameters:
    ///   - known: the bytes that need no second look.
    ///   - waited: grows by the time spent waiting.
    func read(
        _ target: ConfigurationTarget, known: [UInt8], waited: inout Duration
    ) throws(PersistenceError) -> Reading {
        let limit = waited + Self.patience
        var previous: FileStatus?
        while true {
            let obstacle: Refusal
            do throws(PersistenceError) {
                switch try assess(target, known: known, previous: &previous) {
                case .ready(let reading): return reading
                case .wait(let reason): obstacle = reason
                }
            } catch {
                guard case .refused(.beingEdited(let path)) = error else { throw error }
                obstacle = .beingEdited(path: path)
            }
            guard waited < limit else { throw .refused(obstacle) }
            let start = ContinuousClock.now
            do throws(FileError) { try fileSystem.pause(Self.look) } catch { throw error.asPersistenceError }
            waited += max(Self.look, ContinuousClock.now - start)
        }
    }

    private enum Assessment {
        case ready(Reading)
        case wait(Refusal)
    }

    private func assess(
        _ target: ConfigurationTarget, known: [UInt8], previous: inout FileStatus?
    ) throws(PersistenceError) -> Assessment {
        guard let image = try FileImage.read(target.name, in: target, fileSystem) else {
            previous = nil
            return .wait(.missing(path: target.path))
        }
        if image.bytes == known { return .ready(Reading(image: image)) }
        let isSettled = previous == image.status
        previous = image.status
        guard isSettled else { return .wait(.beingEdited(path: target.path)) }
        guard !image.bytes.isEmpty else { return .wait(.empty(path: target.path)) }
        let loaded = ConfigurationLoader.load(
            bytes: image.bytes, environment: environment, openListener: openListener)
        guard loaded.configuration != nil else {
            return .wait(.invalidFile(path: target.path, problems: loaded.problems))
        }
        return .ready(Reading(image: image, edited: loaded))
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
