internal import Conversion
internal import NIOCore
internal import Support

/// A request as an endpoint of another API gets it. A class, since few requests have one.
final class ConvertedBody {
    /// The endpoint that it was made for.
    let upstream: Upstream
    /// What the answer is converted by.
    let plan: AnswerPlan
    /// Fields that are in no table, and were dropped.
    let unknownFields: [String]
    /// The name of the model that it has, where it is not the client's.
    let model: String?
    /// Empty once no endpoint will be sent it.
    private(set) var bytes: ByteBuffer
    private var isCounted = false

    init(_ request: ConvertedRequest, for upstream: Upstream, model: String?) {
        self.upstream = upstream
        self.model = model
        plan = request.answer
        unknownFields = request.unknownFields
        bytes = ByteBuffer(bytes: request.body)
    }

    /// It is kept until the answer begins, as the client's body is.
    func count(on loop: LoopContext) {
        guard !isCounted else { return }
        isCounted = true
        loop.shared.replayChanged(by: bytes.readableBytes)
    }

    func forget(on loop: LoopContext) {
        if isCounted { loop.shared.replayChanged(by: -bytes.readableBytes) }
        isCounted = false
        bytes = ByteBuffer()
    }
}

extension ConversionRefusal {
    /// What the client is told.
    var answer: LocalAnswer { LocalAnswer(status: 400, message: message) }
}
