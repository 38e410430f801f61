internal import Persistence

extension FilePreview.Line {
    init(_ line: LineDifference.Line) {
        let kind: Kind =
            switch line.kind {
            case .kept: .kept
            case .removed: .removed
            case .added: .added
            }
        self.init(kind: kind, number: line.number, text: line.text)
    }
}
