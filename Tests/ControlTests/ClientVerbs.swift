import PodiumModel

@testable import Control

/// The commands as the tests give them: by name, at any revision unless one is named.
extension ControlClient {
    func done(_ command: Command, ifRevision: UInt64? = nil) async throws -> CommandReceipt {
        guard case .done(let receipt) = try await perform(command, ifRevision: ifRevision) else {
            throw ControlClientError.unexpectedAnswer("a preview")
        }
        return receipt
    }

    func add(_ patch: EndpointPatch) async throws -> CommandReceipt { try await done(.add(patch)) }

    func change(_ name: String, _ patch: EndpointPatch, revision: UInt64? = nil) async throws -> CommandReceipt {
        try await done(.update(CommandTarget(name: name, revision: revision), patch))
    }

    func replace(_ name: String, with patch: EndpointPatch) async throws -> CommandReceipt {
        try await done(.replace(CommandTarget(name: name), patch))
    }

    func remove(_ name: String) async throws -> CommandReceipt { try await done(.remove(CommandTarget(name: name))) }

    func move(_ name: String, toRank rank: Int, revision: UInt64? = nil) async throws -> CommandReceipt {
        try await done(.move(CommandTarget(name: name, revision: revision), toRank: rank))
    }

    func setPinned(_ name: String, _ pinned: Bool) async throws -> CommandReceipt {
        try await done(.setPinned(CommandTarget(name: name), pinned))
    }

    func setEnabled(_ name: String, _ enabled: Bool, revision: UInt64? = nil) async throws -> CommandReceipt {
        try await done(.setEnabled(CommandTarget(name: name, revision: revision), enabled))
    }

    func test(_ patch: EndpointPatch, of name: String) async throws -> CommandReceipt {
        try await done(.testDraft(CommandTarget(name: name), patch))
    }

    func preview(
        _ patch: EndpointPatch, of name: String? = nil, revision: UInt64? = nil
    ) async throws -> FilePreview {
        let target = name.map { CommandTarget(name: $0, revision: revision) }
        guard case .preview(let preview) = try await perform(.preview(target, patch)) else {
            throw ControlClientError.unexpectedAnswer("no preview")
        }
        return preview
    }

    func sort(revision: UInt64? = nil) async throws -> CommandReceipt { try await done(.sortNow, ifRevision: revision) }

    func setAutoSort(_ enabled: Bool, revision: UInt64? = nil) async throws -> CommandReceipt {
        try await done(.setAutoSort(enabled), ifRevision: revision)
    }

    func flush() async throws -> CommandReceipt { try await done(.flush) }

    func reload() async throws -> CommandReceipt { try await done(.reload) }

    func undo(revision: UInt64? = nil) async throws -> CommandReceipt { try await done(.undo, ifRevision: revision) }

    func redo() async throws -> CommandReceipt { try await done(.redo) }
}
