internal import Engine

extension RevisionChange {
    init(_ change: RecordedChange, ofEndpoint: Bool) {
        self.init(
            revision: ofEndpoint ? change.endpointRevision ?? 0 : change.revision, time: change.time,
            actor: change.actor,
            text: change.text)
    }
}
