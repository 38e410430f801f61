import Configuration
import Foundation
import Persistence
import Synchronization
import WholeDocument

// What saving one changed rank costs, beside the least that any safe save of the same bytes costs, and what a mark costs.
// Prints a table. Rounds of both alternate, and medians count: the machine's noise meets both.

/// A configuration on the disk under test and the program's state of it.
final class Subject: Sendable {
    let folder: String
    let bytes: Int
    let persister: Persister
    let environment: [String: String]
    private let state: Mutex<PersistedState>

    init(endpoints: Int) throws {
        folder = "\(FileManager.default.currentDirectoryPath)/persistence-benchmark-\(getpid())-\(endpoints)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var text = "server:\n  auto_sort_endpoints: true\n\nendpoints:\n"
        for number in 1...endpoints {
            text += """
                  - name: endpoint-\(number)   # kept by hand, as operators do
                    url: https://api-\(number).example.com/v1
                    auth_type: api_key
                    auth_value: ${API_KEY_\(number % 10)}
                    priority: \(number)
                    enabled: true
                    timeout: 60s

                """.split(separator: "\n").map { "  \($0)\n" }.joined()
        }
        bytes = text.utf8.count
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/config.yaml"))
        environment = Dictionary(uniqueKeysWithValues: (0..<10).map { ("API_KEY_\($0)", "secret") })
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: environment)
        guard let configuration = loaded.configuration else { throw CocoaError(.fileReadCorruptFile) }
        let initial = PersistedState(configuration: configuration)
        state = Mutex(initial)
        let box = Snapshot()
        persister = try Self.open(folder, Array(text.utf8), initial, environment, box)
        box.subject.withLock { $0 = self }
    }

    private static func open(
        _ folder: String, _ bytes: [UInt8], _ base: PersistedState, _ environment: [String: String], _ box: Snapshot
    ) throws -> Persister {
        try Persister(
            options: PersisterOptions(
                path: "\(folder)/config.yaml", flushInterval: .seconds(3_600), maxDirtyTime: .seconds(7_200),
                environment: environment),
            base: LoadedBase(bytes: bytes, state: base), snapshot: { box.read() },
            adopt: { edit in edit.merge(into: box.read()) { 0 } }, onEvent: { _ in })
    }

    /// Another program's life on the same file: its first flush has to scan the file. End this one's before.
    func reopened() throws -> (persister: Persister, box: Snapshot) {
        let box = Snapshot()
        box.subject.withLock { $0 = self }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/config.yaml")))
        return (try Self.open(folder, bytes, current, environment, box), box)
    }

    /// One endpoint's rank changes.
    func changeRank(_ round: Int) {
        state.withLock { $0.endpoints[round % $0.endpoints.count].settings.priority = 1 + round % 9 }
    }

    var current: PersistedState { state.withLock { $0 } }

    func remove() async {
        _ = await persister.shutdown()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// The persister asks for a snapshot before its owner is complete.
final class Snapshot: Sendable {
    let subject = Mutex<Subject?>(nil)

    func read() -> PersistedState {
        subject.withLock { $0 }?.current ?? PersistedState(endpoints: [], autoSortEndpoints: true)
    }
}

/// The least that a safe save does: a new file, synced, renamed over the old one, and the directory synced.
func bareSave(_ folder: String, _ bytes: [UInt8]) {
    let temporary = "\(folder)/bare.tmp"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        precondition(count > 0, "the disk under test is full")
        rest = rest.dropFirst(count)
    }
    fsync(file)
    close(file)
    rename(temporary, "\(folder)/bare.yaml")
    let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    fsync(directory)
    close(directory)
}

/// Processor time of all threads of this process, in milliseconds.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

func milliseconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) / 1e15
}

func median(_ values: [Double]) -> Double {
    values.sorted()[values.count / 2]
}

struct Costs {
    var processor: [Double] = []
    var wall: [Double] = []

    mutating func measure(_ work: () async throws -> Void) async rethrows {
        let started = ContinuousClock.now
        let before = processorTime()
        try await work()
        processor.append(processorTime() - before)
        wall.append(milliseconds(ContinuousClock.now - started))
    }
}

func column(_ value: Double, _ digits: Int = 2) -> String {
    String(format: "%.\(digits)f", value)
}

/// Milliseconds of CPU for PyYAML to load and dump the file with its C code; nil without PyYAML.
func pyYAML(_ path: String, runs: Int) -> Double? {
    guard let python = ProcessInfo.processInfo.environment["PYYAML_PYTHON"] else { return nil }
    let program = """
        import sys, time, yaml
        text, times = open(sys.argv[1]).read(), []
        for _ in range(int(sys.argv[2])):
            began = time.process_time()
            yaml.dump(yaml.load(text, yaml.CSafeLoader), Dumper=yaml.CSafeDumper)
            times.append((time.process_time() - began) * 1000)
        print(sorted(times)[len(times) // 2])
        """
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = ["-c", program, path, String(runs)]
    process.standardOutput = output
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Double(text.trimmingCharacters(in: .whitespacesAndNewlines))
}

print("CPU in milliseconds, medians; in brackets the wall time.")
print("| endpoints | bytes | flush | flush, scan not kept | bare save | libyaml parse + emit | PyYAML C load + dump |")
print("|---|---|---|---|---|---|---|")
for (endpoints, rounds) in [(10, 300), (1_000, 150), (10_000, 40)] {
    let subject = try Subject(endpoints: endpoints)
    let payload = [UInt8](repeating: 0x61, count: subject.bytes)
    var flush = Costs()
    var bare = Costs()
    for round in 0..<rounds {
        await bare.measure { bareSave(subject.folder, payload) }
        subject.changeRank(round * 7_919 + endpoints / 2)
        let receipts = Mutex(0)
        try await flush.measure {
            let receipt = try await subject.persister.flush(trigger: .operator)
            receipts.withLock { $0 += receipt.record.changes.count }
        }
        // The first flush scans the file; later ones keep the scan. A rank that was so already writes nothing.
        if round == 0 || receipts.withLock({ $0 }) != 1 {
            flush.processor.removeLast()
            flush.wall.removeLast()
        }
    }
    _ = await subject.persister.shutdown()
    var first = Costs()
    var libyaml = Costs()
    for round in 0..<max(11, rounds / 5) {
        let (persister, box) = try subject.reopened()
        subject.changeRank(round * 7_919 + endpoints / 3)
        let receipts = Mutex(0)
        try await first.measure {
            let receipt = try await persister.flush(trigger: .operator)
            receipts.withLock { $0 += receipt.record.changes.count }
        }
        if receipts.withLock({ $0 }) != 1 {
            first.processor.removeLast()
            first.wall.removeLast()
        }
        _ = await persister.shutdown()
        box.subject.withLock { $0 = nil }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(subject.folder)/config.yaml")))
        await libyaml.measure { precondition(whole_document_round_trip(bytes, bytes.count) > 0) }
    }
    let python = pyYAML("\(subject.folder)/config.yaml", runs: max(5, rounds / 10))
    func cell(_ costs: Costs) -> String { "\(column(median(costs.processor))) (\(column(median(costs.wall))))" }
    print(
        "| \(endpoints) | \(subject.bytes) | \(cell(flush)) | \(cell(first)) | \(cell(bare))",
        "| \(cell(libyaml)) | \(python.map { column($0, 1) } ?? "not installed") |")
    await subject.remove()
}

let subject = try Subject(endpoints: 10)
let marks = 3_000_000
for threads in [1, 2] {
    let results = Mutex<[Double]>([])
    for _ in 0..<5 {
        let started = ContinuousClock.now
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            let now = ContinuousClock.now
            for _ in 0..<marks { subject.persister.mark(now: now) }
        }
        let each = milliseconds(ContinuousClock.now - started) * 1e6 / Double(marks)
        results.withLock { $0.append(each) }
    }
    let each = results.withLock { median($0) }
    print("mark, \(threads) thread\(threads == 1 ? "" : "s"): \(column(each, 1)) ns of each thread's time")
}
await subject.remove()
